//! The lifecycle of a process, independent of any server: CherryPy's process bus and its plugins.
//!
//! | file | what it does |
//! |---|---|
//! | `process_bus`, `state`, `change` | the methods of a bus; its states; changes of state, by one thread at a time |
//! | `channels`, `error` | the bus, its listeners and messages; errors |
//! | `plugins` | the interface of a plugin |
//! | `pid_file`, `privileges`, `monitor` | plugins: PID file; drop privileges; periodic calls |
//! | [`notify`], `signals`, `signal_handler` | systemd; signals; signals as messages on a bus |

#[cfg(feature = "process")]
mod change;
#[cfg(feature = "process")]
mod channels;
#[cfg(feature = "process")]
mod error;
#[cfg(feature = "process")]
mod monitor;
pub(crate) mod notify;
#[cfg(feature = "process")]
mod pid_file;
#[cfg(feature = "process")]
mod plugins;
#[cfg(feature = "process")]
mod privileges;
#[cfg(feature = "process")]
mod process_bus;
#[cfg(all(feature = "process", feature = "signals"))]
mod signal_handler;
#[cfg(feature = "signals")]
pub(crate) mod signals;
#[cfg(feature = "process")]
mod state;
#[cfg(feature = "signals")]
mod terminal;

#[cfg(feature = "process")]
pub(crate) use self::channels::WeakBus;
#[cfg(feature = "process")]
pub use self::channels::{Bus, Message, Subscription};
#[cfg(feature = "process")]
pub use self::error::{BoxError, BusError, Failures};
#[cfg(feature = "process")]
pub use self::monitor::Monitor;
#[cfg(feature = "process")]
pub use self::pid_file::PidFile;
#[cfg(feature = "process")]
pub use self::plugins::{Plugin, Subscriptions};
#[cfg(feature = "process")]
pub use self::privileges::DropPrivileges;
#[cfg(all(feature = "process", feature = "signals"))]
pub use self::signal_handler::SignalHandler;
#[cfg(feature = "process")]
pub use self::state::State;
