//! What a server that runs out of memory does to callers, in one advice.

/// What should be done about eviction, the worse the more urgent; `None` where nothing is ever evicted. `max_bytes`: 0
/// without a limit. Holds no figure, so that it is said once and not at each look.
pub fn advice(product: &str, policy: &str, max_bytes: u64, evicted: u64) -> Option<String> {
    let way_out = "set maxmemory-policy noeviction, which refuses writes instead, and they are tried again";
    let goes = if policy.starts_with("allkeys") {
        "any key may go: callers, finished calls, the marks of who was erased, and which pepper is in use"
    } else if policy == "volatile-ttl" {
        "what expires soonest goes first: live calls' mirrors and finished calls, then callers"
    } else {
        "whatever has a TTL may go, which is all that is kept of callers unless MEMORY_PROFILE_TTL_DAYS is 0"
    };
    let is_safe = matches!(policy, "noeviction" | "");
    Some(match (evicted, max_bytes) {
        (1.., _) if is_safe => format!(
            "keys have been evicted since {product} started, under another maxmemory-policy than today's noeviction: \
             callers may be forgotten already; raise maxmemory, so that writes are not refused"
        ),
        _ if is_safe => return None,
        (1.., _) => format!(
            "maxmemory-policy is {policy}, and keys have been evicted since {product} started: callers may be forgotten \
             already, and {goes}; raise maxmemory, and {way_out}"
        ),
        (0, 1..) => format!(
            "maxmemory-policy is {policy}: a full memory makes {product} delete callers without a word: {goes}; {way_out}"
        ),
        (0, 0) => format!(
            "maxmemory-policy is {policy}: nothing is deleted while there is no limit, but once maxmemory is set, a full \
             memory makes {product} delete callers without a word; {way_out}"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_advice_graded_by_what_can_be_lost() {
        let said = |policy, max_bytes, evicted| advice("Valkey", policy, max_bytes, evicted).unwrap_or_default();
        assert_eq!(said("noeviction", 0, 0), "");
        assert_eq!(said("noeviction", 1 << 20, 0), "");
        assert!(said("allkeys-lru", 0, 0).contains("nothing is deleted while there is no limit"));
        assert!(said("allkeys-lfu", 1, 0).contains("any key may go"));
        assert!(said("volatile-ttl", 1, 0).contains("expires soonest"));
        assert!(said("volatile-lru", 1, 0).contains("whatever has a TTL"));
        assert!(said("noeviction", 1, 9).contains("forgotten already"));
        for policy in ["allkeys-random", "volatile-ttl", "volatile-random"] {
            for (max_bytes, evicted) in [(0, 0), (1, 0), (1, 9)] {
                let advice = said(policy, max_bytes, evicted);
                assert!(
                    advice.contains(policy) && advice.contains("noeviction") && advice.contains("Valkey"),
                    "{advice}"
                );
                assert_eq!(advice.contains("forgotten already"), evicted > 0, "{advice}");
                assert_eq!(advice.matches("maxmemory-policy").count(), 2, "what is, and what should be: {advice}");
            }
        }
    }
}
