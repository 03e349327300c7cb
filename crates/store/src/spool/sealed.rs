//! A checksum over all that a row says, as the file format has none.

/// The CRC-32 of the parts of a row, each with its length in front, so that nothing can move from one to the next unseen.
pub(super) fn sum<'a>(parts: impl IntoIterator<Item = Option<&'a [u8]>>) -> i64 {
    let mut sum = crc32fast::Hasher::new();
    for part in parts {
        match part {
            None => sum.update(&[0]),
            Some(bytes) => {
                sum.update(&[1]);
                sum.update(&(bytes.len() as u64).to_be_bytes());
                sum.update(bytes);
            }
        }
    }
    i64::from(sum.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_bit_and_no_border_can_change_unseen() {
        let parts: [Option<&[u8]>; 4] = [Some(b"CA1"), None, Some(b""), Some(b"u_ana")];
        let as_it_was = sum(parts);
        for (part, bytes) in parts.iter().enumerate().filter_map(|(at, part)| Some((at, (*part)?))) {
            for bit in 0..bytes.len() * 8 {
                let mut flipped = bytes.to_vec();
                flipped[bit / 8] ^= 1 << (bit % 8);
                let mut parts = parts;
                parts[part] = Some(&flipped);
                assert_ne!(sum(parts), as_it_was, "bit {bit} of part {part}");
            }
        }
        assert_ne!(sum([Some(&b"CA1u"[..]), None, Some(b""), Some(b"_ana")]), as_it_was);
        assert_ne!(sum([Some(&b"CA1"[..]), Some(b""), None, Some(b"u_ana")]), as_it_was);
    }
}
