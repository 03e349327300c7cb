//! The carrier's side of a WebSocket's framing (RFC 6455, 5.2), as little of it as messages of a media stream need.

/// Any key will do; a real one is random.
const MASK: [u8; 4] = [0x5a, 0x1c, 0xe7, 0x93];
const FINAL_TEXT: u8 = 0x81;
const MASKED: u8 = 0x80;
/// A length of two bytes follows.
const LENGTH_IN_TWO: u8 = 126;
/// A length of eight bytes follows.
const LENGTH_IN_EIGHT: u8 = 127;

/// Appends a text message as a client sends it.
pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    let size = u16::try_from(text.len()).unwrap();
    out.push(FINAL_TEXT);
    if size < u16::from(LENGTH_IN_TWO) {
        out.push(MASKED | size as u8);
    } else {
        out.push(MASKED | LENGTH_IN_TWO);
        out.extend_from_slice(&size.to_be_bytes());
    }
    out.extend_from_slice(&MASK);
    out.extend(text.bytes().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

/// Where the payload of the frame at the beginning of `bytes` lies; it may end beyond them. `None`: not even its header is whole.
fn payload(bytes: &[u8]) -> Option<std::ops::Range<usize>> {
    let second = *bytes.get(1)?;
    let (header, size) = match second & !MASKED {
        LENGTH_IN_TWO => (4, usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]))),
        LENGTH_IN_EIGHT => (10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().unwrap())).unwrap()),
        size => (2, usize::from(size)),
    };
    let mask = if second & MASKED != 0 { MASK.len() } else { 0 };
    (bytes.len() >= header + mask).then_some(header + mask..header + mask + size)
}

/// Calls `each` with the payload of every frame that is whole, and answers how many bytes these frames have.
pub(crate) fn whole_messages(bytes: &[u8], mut each: impl FnMut(&[u8])) -> usize {
    let mut begin = 0;
    while let Some(payload) = payload(&bytes[begin..]).filter(|payload| begin + payload.end <= bytes.len()) {
        each(&bytes[begin + payload.start..begin + payload.end]);
        begin += payload.end;
    }
    begin
}

/// The same, and takes these frames away.
pub(crate) fn take_messages(received: &mut Vec<u8>, each: impl FnMut(&[u8])) {
    let taken = whole_messages(received, each);
    received.drain(..taken);
}
