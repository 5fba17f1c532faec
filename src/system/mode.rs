//! Permission bits.

use nix::libc::mode_t;
use nix::sys::stat::Mode;

/// Returns the nine permission bits of `bits`. The type of a mode has 16 bits on some systems, 32
/// on others.
pub(crate) fn mode(bits: u32) -> Mode {
    let [.., high, low] = (bits & 0o777).to_be_bytes();
    Mode::from_bits_truncate(mode_t::from(high) << 8 | mode_t::from(low))
}
