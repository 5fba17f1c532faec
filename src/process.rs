//! What a process lives by: a bus of states and channels, and what is plugged into it; CherryPy's `cherrypy.process`.
//!
//! [`Bus`] stands by itself: nothing here needs a server. [`PidFile`], [`DropPrivileges`] and [`Monitor`] are plugins for it, and `SignalHandler`
//! (feature `signals`); [`Plugin`] is what others have to be.
//!
//! | channel | told | CherryPy's priorities |
//! |---|---|---|
//! | `start` | when it starts | 50 what others need, 70 [`PidFile`] and [`Monitor`], 75 a server binds, 77 [`DropPrivileges`], 80 a server accepts |
//! | `stop` | when it stops | 25 a server, 50 everything else |
//! | `restart` | between the two halves of a restart | |
//! | `exit` | when it ends | 50 [`PidFile`] |
//! | `graceful` | when files are to be opened anew | 50 |
//! | `cut` | when a stop is to wait for nobody any more | 50 a server |
//! | `log` | what the bus has to say | 50 what hands it to the `log` crate |
//! | `main` | ten times a second, in the thread that blocks | |

#[cfg(feature = "signals")]
pub use crate::bus::SignalHandler;
pub use crate::bus::{
    BoxError, Bus, BusError, DropPrivileges, Failures, Message, Monitor, PidFile, Plugin, State, Subscription,
    Subscriptions,
};
pub use crate::http_server::{HttpServer, Ready, Stopped};
