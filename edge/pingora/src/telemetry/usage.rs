//! Metrics of versions' use: as many as are counted. No consumer is a label.

use super::Page;
use crate::usage::VersionGauge;

/// Writes what is known of each version.
pub(super) fn write(page: &mut Page, versions: &[VersionGauge]) {
    page.family("verge_version_requests_total", "counter", "Requests of each version, by how they ended.");
    for VersionGauge { api, version, served, retired, .. } in versions {
        for (outcome, count) in [("served", served), ("retired", retired)] {
            let labels = [("api", &**api), ("version", &**version), ("outcome", outcome)];
            page.sample("verge_version_requests_total", &labels, count);
        }
    }
    page.family(
        "verge_version_consumers",
        "gauge",
        "About how many consumers asked for each version, since the start.",
    );
    for VersionGauge { api, version, consumers, .. } in versions {
        page.sample("verge_version_consumers", &[("api", api), ("version", version)], consumers);
    }
    page.family("verge_version_last_seen_seconds", "gauge", "When each version was asked for last (Unix time).");
    for VersionGauge { api, version, last, .. } in versions {
        page.sample("verge_version_last_seen_seconds", &[("api", api), ("version", version)], last);
    }
}
