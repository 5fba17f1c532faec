//! The lifecycle of a process: a bus of states and channels, and its plugins; CherryPy's
//! `cherrypy.process`.
//!
//! The bus and its plugins need the feature `process`. [`HttpServer`], the interface of a custom
//! server, is always there.
//!
//! [`Bus`] needs no server. Its plugins are [`PidFile`], [`DropPrivileges`], [`Monitor`] and
//! `SignalHandler` (feature `signals`). Implement [`Plugin`] for a custom plugin.
//!
//! | channel | published | CherryPy's priorities |
//! |---|---|---|
//! | `start` | at a start | 50 dependencies of other parts, 70 [`PidFile`] and [`Monitor`], 75 a server binds, 77 [`DropPrivileges`], 80 a server accepts |
//! | `stop` | at a stop | 25 a server, 50 everything else |
//! | `restart` | between the two halves of a restart | |
//! | `exit` | at the end | 50 [`PidFile`] |
//! | `graceful` | when files are to be reopened | 50 |
//! | `cut` | when a stop is to wait no longer | 50 a server |
//! | `log` | for each log message of the bus | 50 the listener for the `log` crate |
//! | `main` | ten times a second, in the blocked thread | |

#[cfg(all(feature = "process", feature = "signals"))]
pub use crate::bus::SignalHandler;
#[cfg(feature = "process")]
pub use crate::bus::{
    BoxError, Bus, BusError, DropPrivileges, Failures, Message, Monitor, PidFile, Plugin, State, Subscription,
    Subscriptions,
};
pub use crate::http_server::{HttpServer, Ready, Stopped};
