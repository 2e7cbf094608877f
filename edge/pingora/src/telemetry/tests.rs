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

#[test]
fn a_panic_is_counted_and_ends_its_own_task_alone() {
    let before = PANICS.load(Relaxed);
    let usual = std::panic::take_hook();
    watch_panics();
    let serving = tokio::runtime::Builder::new_current_thread().build().unwrap();
    serving.block_on(async {
        let doomed = tokio::spawn(async { panic!("on purpose, in a test") });
        let other = tokio::spawn(async { 7 });
        assert!(doomed.await.unwrap_err().is_panic());
        assert_eq!(other.await.unwrap(), 7);
    });
    std::panic::set_hook(usual);
    assert!(PANICS.load(Relaxed) > before);
}
