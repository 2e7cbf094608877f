//! Envoy's own answers, as reasons: what became of a request that went to an origin and brought nothing back.

use verge_router::Reason;

/// What Envoy's answer means, by its status and `response.code_details`; `None`: it is the origin's, or none of an origin's
/// failures.
#[must_use]
pub fn reason_of(status: &str, details: &str) -> Option<(Reason, &'static str)> {
    // Where nothing moves Envoy says 408 while the request is not all there: then the client is late, not the origin.
    if details == "via_upstream" || status == "408" {
        return None;
    }
    let tls = details.contains("TLS_error") || details.contains("TLS error") || details.contains("CERTIFICATE");
    let timed_out = details.contains("connection_timeout") || details.contains("response_timeout");
    Some(match details {
        details if details.contains("overflow") => {
            (Reason::OriginOverloaded, "As many requests as may be are on their way to the origin already.")
        }
        _ if timed_out || details.contains("per_try_timeout") || details == "stream_idle_timeout" => {
            (Reason::OriginTimeout, "The origin did not answer in time.")
        }
        details if details.starts_with("upstream_reset_") && tls => {
            (Reason::OriginTls, "The origin's TLS handshake failed, or its certificate is not valid for its name.")
        }
        details if details.starts_with("upstream_reset_") => {
            (Reason::OriginUnreachable, "The connection to the origin broke before it answered.")
        }
        "cluster_not_found" | "route_not_found" | "maintenance_mode" => (
            Reason::OriginUnreachable,
            "Envoy has no route to the cluster for this origin, or the cluster takes no requests.",
        ),
        "no_healthy_upstream" => {
            (Reason::OriginUnreachable, "The origin's name does not resolve to an address that may be dialled.")
        }
        details if details.starts_with("dns_resolution_failure") => {
            (Reason::OriginUnreachable, "The origin's name does not resolve to an address that may be dialled.")
        }
        "request_payload_too_large" => (Reason::BodyTooLarge, "The request body is larger than this proxy forwards."),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envoys_words_have_our_reasons() {
        let reason = |details| reason_of("504", details).map(|(reason, _)| reason);
        assert_eq!(reason("via_upstream"), None);
        assert_eq!(reason("direct_response"), None);
        assert_eq!(
            reason(
                "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}"
            ),
            Some(Reason::OriginUnreachable)
        );
        assert_eq!(
            reason("upstream_reset_before_response_started{remote_connection_failure|TLS_error:|268435581:SSL}"),
            Some(Reason::OriginTls)
        );
        assert_eq!(reason("upstream_reset_before_response_started{overflow}"), Some(Reason::OriginOverloaded));
        assert_eq!(reason("upstream_response_timeout"), Some(Reason::OriginTimeout));
        assert_eq!(reason("upstream_reset_before_response_started{connection_timeout}"), Some(Reason::OriginTimeout));
        assert_eq!(reason("dns_resolution_failure{nxdomain}"), Some(Reason::OriginUnreachable));
        assert_eq!(reason("stream_idle_timeout"), Some(Reason::OriginTimeout));
        assert_eq!(reason_of("408", "stream_idle_timeout"), None);
    }

    #[test]
    fn a_cluster_that_is_not_there_is_not_a_name_that_does_not_resolve() {
        let told = |details| reason_of("503", details).map(|(_, detail)| detail);
        for details in ["cluster_not_found", "route_not_found", "maintenance_mode"] {
            assert!(told(details).is_some_and(|detail| detail.starts_with("Envoy has no route")), "{details}");
            assert_ne!(told(details), told("dns_resolution_failure{nxdomain}"));
        }
    }
}
