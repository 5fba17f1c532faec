//! Operating systems: the abilities of drupe on each, and the replacement for a missing one.
//!
//! drupe is run and tested on Linux. The library without TLS compiles for macOS and FreeBSD (64
//! bits), but no test has run there. Tests on Linux run the replacements, except these: `kqueue`,
//! credentials, the check for preemption, and the change of user.
//!
//! | for | Linux | macOS | FreeBSD |
//! |---|---|---|---|
//! | waiting for connections | `epoll` | `kqueue` | `kqueue` |
//! | waking a thread | `eventfd` | a pair of sockets | a pair of sockets |
//! | timers | `timerfd` | `kqueue` | `kqueue` |
//! | ending `accept` at a stop | a shutdown of the socket | `poll` before each `accept` | as on macOS |
//! | send timeout of a connection | inherited from the listener | set on each connection | as on macOS |
//! | `SIGPIPE` | suppressed at each call | suppressed for the socket | suppressed at each call |
//! | content of files | `sendfile` | read and written | read and written |
//! | [`Files`](crate::Files) beneath its directory | `openat2`, or one name at a time | one name at a time | one name at a time |
//! | permission needed for a served directory | execute | read and execute | read and execute |
//! | names of Unix sockets | paths to 107 bytes, abstract names | paths to 103 bytes | paths to 103 bytes |
//! | owner and mode of a socket file | by descriptor | by name | by name |
//! | [`peercreds`](crate::Settings::peercreds) | process, user, group | last process to use the socket; user, group | user, group; process 0 |
//! | [`DropPrivileges`](crate::process::DropPrivileges) | all | the umask only | all |
//! | [`reuse_port`](crate::Settings::reuse_port) | shares connections | one process gets all | one process gets all |
//! | SIGHUP ignored at the start (`nohup`) | noticed, in `/proc` | not noticed | not noticed |
//! | preemption of a thread noticed | yes | no | yes |
//! | program `drupe`, TLS | yes | not compiled yet: `ring` needs a C compiler for the system | as on macOS |
//!
//! Refused with an error at the start:
//!
//! - An abstract name (`@name`) on a system other than Linux: `"@name" is an abstract name, which
//!   only Linux has; give a path`.
//! - A user or a group of [`DropPrivileges`](crate::process::DropPrivileges) on macOS. Start the
//!   process as the wanted user.
//!
//! If owner and mode of a socket file are set by name, a user with write access to the directory can
//! exchange the file meanwhile. Give the directory to the user of the server alone. On every system, the
//! file has no permissions until the owner is set and the server listens.
