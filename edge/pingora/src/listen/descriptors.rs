//! Whether this process may open as many descriptors as its limits on connections ask for.

use std::fs;

/// Beside connections: threads, logs, the table, the operators' listeners.
const BESIDE: usize = 128;

/// What an operator should know before the day descriptors run out.
pub(crate) fn shortage(connections: usize) -> Option<String> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let most = soft_limit(&limits)?;
    // Each client may have a connection to an origin.
    let wanted = connections.saturating_mul(2).saturating_add(BESIDE);
    (most < wanted).then(|| {
        format!(
            "this process may open {most} files, and `[limits] connections` ({connections}) may take {wanted}: raise \
             the limit (`LimitNOFILE={wanted}` for systemd, `--ulimit nofile={wanted}` for containers, `ulimit -n \
             {wanted}`), or lower `connections`"
        )
    })
}

/// The soft limit in the kernel's table; `None` where there is no limit.
fn soft_limit(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_the_first() {
        let table = "Limit                     Soft Limit           Hard Limit           Units     \n\
            Max processes             127235               127235               processes \n\
            Max open files            1024                 524288               files     \n";
        assert_eq!(soft_limit(table), Some(1024));
        assert_eq!(soft_limit("Max open files            unlimited            unlimited            files"), None);
        assert_eq!(soft_limit(""), None);
    }
}
