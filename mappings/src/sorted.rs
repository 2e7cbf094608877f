//! Lists in the order of their keys, for what is few.

/// Puts a value under its key, in place of what stood there.
pub(crate) fn put<K: Ord, V>(list: &mut Vec<(K, V)>, one: (K, V)) {
    let place = list.partition_point(|(key, _)| *key < one.0);
    match list.get_mut(place) {
        Some(other) if other.0 == one.0 => *other = one,
        _ => list.insert(place, one),
    }
}
