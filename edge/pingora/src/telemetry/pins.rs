//! Metrics of consumers' pins. No consumer is a label.

use super::Page;
use verge_mappings::PinStatus;

/// Writes what is known of them.
pub(super) fn write(page: &mut Page, status: &PinStatus) {
    let PinStatus { held: [pinned, unpinned], put_off, found, absent, unreadable, failed } = status;
    page.family("verge_pin_consumers", "gauge", "Consumers in memory, with a pin and without.");
    for (state, count) in [("pinned", pinned), ("unpinned", unpinned)] {
        page.sample("verge_pin_consumers", &[("state", state)], count);
    }
    page.family("verge_pin_loads_total", "counter", "Pins that were loaded, by what came of it.");
    for (outcome, count) in [("found", found), ("absent", absent), ("unreadable", unreadable), ("failed", failed)] {
        page.sample("verge_pin_loads_total", &[("outcome", outcome)], count);
    }
    page.single(
        "verge_pin_put_off_total",
        "counter",
        "Requests answered `no_table`, as nothing was known of their consumer yet.",
        put_off,
    );
}
