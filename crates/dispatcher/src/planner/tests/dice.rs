//! Chance that a seed decides: SplitMix64.

use std::time::Duration;

/// A sequence that its seed alone decides.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// From 0 to below `end`, which is not 0.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    /// From `first` to `last`.
    pub(super) fn within(&mut self, first: usize, last: usize) -> usize {
        first + usize::try_from(self.below((last - first) as u64 + 1)).expect("it is no greater than `last`")
    }

    pub(super) fn is(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(super) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.within(0, all.len() - 1)]
    }

    /// Shorter than so many seconds, in milliseconds.
    pub(super) fn span(&mut self, longest: u64) -> Duration {
        Duration::from_millis(self.below(longest * 1000))
    }

    /// 0..1.
    pub(super) fn unit(&mut self) -> f64 {
        let thousandths = u32::try_from(self.below(1000)).expect("few");
        f64::from(thousandths) / 1000.0
    }
}
