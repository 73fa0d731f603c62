//! Time and chance, handed in from outside.

use crate::time::Timestamp;

/// The wall clock. The only implementation that reads the system's lives in the binary.
pub trait Clock: Send + Sync {
    /// The present, UTC.
    fn now(&self) -> Timestamp;
}

/// Unpredictable bytes, for ids, salts and jitter.
pub trait Entropy: Send + Sync {
    /// Fills `bytes`. Does not fail: a system without randomness cannot run this program.
    fn fill(&self, bytes: &mut [u8]);

    /// Sixteen fresh bytes, the size of a salt.
    fn salt(&self) -> [u8; 16] {
        let mut salt = [0; 16];
        self.fill(&mut salt);
        salt
    }

    /// A number in 0..1, for jitter.
    fn unit(&self) -> f64 {
        let mut bytes = [0; 4];
        self.fill(&mut bytes);
        f64::from(u32::from_le_bytes(bytes)) / (f64::from(u32::MAX) + 1.0)
    }
}
