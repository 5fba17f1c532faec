//! Models of the whole server as seen by its users: generated plans, and the expected results. The
//! laws inside the server are in its `laws` modules.

pub mod announced;
mod body;
pub mod channel;
pub mod client;
mod cut;
mod flaw;
pub mod flights;
mod message;
pub mod multipart;
#[cfg(test)]
mod noise;
mod outcome;
mod range;
pub mod ranges;
pub mod responses;
pub mod sequences;
pub mod written;
