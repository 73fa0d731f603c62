//! Which part of a relay's connections is kept for the urgent.

use postledger_core::policy::Priority;

pub(crate) const CLASSES: usize = Priority::ALL.len();

/// Parts of every relay's connections that only a class and those above it may use, in percent: a burst of the
/// lower ones never leaves the urgent without a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shares {
    /// Kept for critical mail.
    pub critical: u8,
    /// Kept for high and critical mail, beside that.
    pub high: u8,
    /// Kept for normal mail and above, beside those.
    pub normal: u8,
}

impl Default for Shares {
    fn default() -> Self {
        Self { critical: 10, high: 10, normal: 20 }
    }
}

impl Shares {
    /// How many of `max` connections each class and those below it may use together, by `Priority::ALL`.
    ///
    /// A share that is not zero is one connection at least where there are four; of two or more, low mail leaves
    /// one. Nobody is left without any.
    pub(crate) fn caps(self, max: usize) -> [usize; CLASSES] {
        let kept = |percent: u8| max * usize::from(percent) / 100;
        let least = usize::from(max >= 4 && self.critical > 0);
        let high = max.saturating_sub(kept(self.critical).max(least));
        let normal = high.saturating_sub(kept(self.high));
        let low = normal.saturating_sub(kept(self.normal)).min(max.saturating_sub(1));
        [max, high, normal, low].map(|cap| cap.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_leaves_room_for_those_above_it_and_has_some_itself() {
        let table = [
            (1, [1, 1, 1, 1]),
            (2, [2, 2, 2, 1]),
            (4, [4, 3, 3, 3]),
            (10, [10, 9, 8, 6]),
            (20, [20, 18, 16, 12]),
            (100, [100, 90, 80, 60]),
        ];
        for (max, caps) in table {
            assert_eq!(Shares::default().caps(max), caps, "{max}");
        }
        assert_eq!(Shares { critical: 0, high: 0, normal: 0 }.caps(8), [8, 8, 8, 7]);
        assert_eq!(Shares { critical: 60, high: 60, normal: 60 }.caps(10), [10, 4, 1, 1]);
    }
}
