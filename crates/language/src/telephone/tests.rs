use super::*;

#[test]
fn keys_begin_again_at_a_star_and_end_at_a_hash() {
    assert_eq!(keyed("4155*4155550142#"), Keyed { digits: "4155550142".into(), finished: true });
    assert_eq!(keyed("415"), Keyed { digits: "415".into(), finished: false });
}
