use super::*;
use std::sync::Arc;

#[test]
fn threads_are_summed_and_buckets_are_cumulative() {
    let threads = [Arc::new(Metrics::default()), Arc::new(Metrics::default())];
    threads[0].answered(200, Duration::from_micros(10));
    threads[1].answered(204, Duration::from_secs(60));
    threads[1].replied(Reason::UnknownVersion);
    let page = render(
        &threads,
        &TableGauges::default(),
        &CanaryGauges::default(),
        &PinStatus::default(),
        &[],
        &OpenConnections::default(),
        0,
    );
    for line in [
        "verge_responses_total{class=\"2xx\"} 2",
        "verge_replies_total{reason=\"unknown_version\"} 1",
        "verge_request_duration_seconds_bucket{le=\"0.001\"} 1",
        "verge_request_duration_seconds_bucket{le=\"+Inf\"} 2",
        "verge_table_loaded 0",
    ] {
        assert!(page.lines().any(|other| other == line), "{line}\n{page}");
    }
}
