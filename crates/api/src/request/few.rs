//! Lists and maps that are counted to their end but kept only as far as any limit could allow, so that a body of a
//! million entries costs no more memory than its bytes.

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;
use std::marker::PhantomData;

/// The first entries of a list, and how many there were. Of pairs: a JSON object's, in order, repeated keys included.
#[derive(Debug)]
pub(crate) struct Few<T> {
    /// The first 1000.
    pub kept: Vec<T>,
    /// All of them.
    pub count: usize,
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self { kept: Vec::new(), count: 0 }
    }
}

impl<T> Few<T> {
    /// No limit on a list is larger.
    pub const KEPT: usize = 1000;

    fn push(&mut self, entry: T) {
        self.kept.push(entry);
        self.count += 1;
    }
}

/// How entries of `T` stand in JSON.
pub(crate) trait Entry<'de>: Sized {
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<Few<Self>, D::Error>;
}

impl<'de, T: Entry<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::read(deserializer)
    }
}

impl<'de> Entry<'de> for (String, String) {
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<Few<Self>, D::Error> {
        deserializer.deserialize_map(Pairs)
    }
}

macro_rules! in_a_list {
    ($($entry:ty),*) => {$(
        impl<'de> Entry<'de> for $entry {
            fn read<D: Deserializer<'de>>(deserializer: D) -> Result<Few<Self>, D::Error> {
                deserializer.deserialize_seq(List(PhantomData))
            }
        }
    )*};
}
in_a_list!(String, super::Span, super::Object<super::NewAttachment>);

impl<'de: 'a, 'a> Entry<'de> for &'a RawValue {
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<Few<Self>, D::Error> {
        deserializer.deserialize_seq(List(PhantomData))
    }
}

struct List<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
    type Value = Few<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Few<T>, A::Error> {
        read_list(Few::default(), &mut list)
    }
}

/// Adds what follows in `list`.
pub(super) fn read_list<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(
    mut few: Few<T>,
    list: &mut A,
) -> Result<Few<T>, A::Error> {
    while few.count < Few::<T>::KEPT {
        match list.next_element()? {
            Some(entry) => few.push(entry),
            None => return Ok(few),
        }
    }
    while list.next_element::<IgnoredAny>()?.is_some() {
        few.count += 1;
    }
    Ok(few)
}

struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Few<(String, String)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut few = Few::default();
        while few.count < Self::Value::KEPT {
            match map.next_entry()? {
                Some(pair) => few.push(pair),
                None => return Ok(few),
            }
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            few.count += 1;
        }
        Ok(few)
    }
}
