//! Plans from pseudo-random bytes, for the tests: the same each time, so that a failure repeats.

use arbitrary::{Arbitrary, Unstructured};

/// Runs `check` on `count` plans.
pub fn each<T: for<'a> Arbitrary<'a> + std::fmt::Debug>(count: usize, check: impl Fn(&T)) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    for at in 0..count {
        let bytes: Vec<u8> = (0..1 + at % 64).flat_map(|_| next()).collect();
        let plan = T::arbitrary_take_rest(Unstructured::new(&bytes)).expect("noise is enough for a plan");
        check(&plan);
    }
}
