//! A quick hash for tables that are filled once, from our own files, with short words.
//!
//! It is FNV-1a. The standard library's hash is safe against keys that were chosen to collide, which costs a third of
//! the loading time; text from outside is only looked up in these tables, never put in.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// A map that is not filled from outside.
pub(crate) type QuickMap<K, V> = HashMap<K, V, BuildHasherDefault<Fnv>>;
/// A set that is not filled from outside.
pub(crate) type QuickSet<K> = HashSet<K, BuildHasherDefault<Fnv>>;

/// FNV-1a with 64 bits.
pub(crate) struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_fnv() {
        let mut hasher = Fnv::default();
        hasher.write(b"foobar");
        assert_eq!(hasher.finish(), 0x8594_4171_f739_67e8);
    }
}
