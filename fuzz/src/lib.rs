//! What the targets say of the whole server, as its users see it: plans that a fuzzer makes up, and models that know what must come of
//! them. What must hold inside the server stands there, in its `laws`.

pub mod announced;
mod body;
pub mod client;
mod cut;
mod flaw;
pub mod flights;
mod message;
#[cfg(test)]
mod noise;
mod range;
pub mod ranges;
pub mod responses;
pub mod sequences;
pub mod written;
