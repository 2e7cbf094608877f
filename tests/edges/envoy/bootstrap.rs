//! What Envoy is told at its start.

use crate::{
    origin::Origin,
    rows::{named, own},
};
use serde_json::{Value as Json, json};
use std::{net::SocketAddr, path::Path};
use verge_tests::{
    certs::{Authority, Certificate},
    corpus::Fixture,
};

/// Where a table is served.
pub(super) struct Listener<'a> {
    pub(super) address: SocketAddr,
    /// What it shows to who speaks TLS; `None`: in the clear.
    pub(super) certificate: Option<&'a Certificate>,
    pub(super) fixture: &'a Fixture,
}

const TYPE: &str = "type.googleapis.com/envoy.extensions";

/// The whole of it.
pub(super) fn bootstrap(
    listeners: &[Listener<'_>],
    filter: &Path,
    origin: &Origin,
    authority: &Authority,
    tables: SocketAddr,
) -> Json {
    let listeners: Vec<Json> = listeners.iter().map(|listener| listener.config(filter)).collect();
    let mut secure = cluster("origins", origin.secure);
    secure["transport_socket"] = json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": format!("{TYPE}.transport_sockets.tls.v3.UpstreamTlsContext"),
            "common_tls_context": {"validation_context": {"trusted_ca": {"inline_string": authority.pem()}}},
        },
    });
    secure["typed_extension_protocol_options"] = json!({
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": format!("{TYPE}.upstreams.http.v3.HttpProtocolOptions"),
            "upstream_http_protocol_options": {"auto_sni": true, "auto_san_validation": true},
            "explicit_http_config": {"http_protocol_options": {}},
        },
    });
    json!({"static_resources": {
        "listeners": listeners,
        "clusters": [secure, cluster("origins_in_the_clear", origin.clear), cluster("tables", tables)],
    }})
}

fn cluster(name: &str, address: SocketAddr) -> Json {
    json!({
        "name": name, "type": "STATIC", "connect_timeout": "5s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [
            {"endpoint": {"address": socket(address)}},
        ]}]},
    })
}

fn socket(address: SocketAddr) -> Json {
    json!({"socket_address": {"address": address.ip().to_string(), "port_value": address.port()}})
}

/// The plugin's own configuration; `path`: where it fetches its tables.
fn plugin(fixture: &Fixture, path: &str) -> Json {
    let tables: serde_json::Map<String, Json> =
        own(fixture).into_iter().map(|(api, _, items)| (api, json!({"Items": items}))).collect();
    // A row with a port has a cluster of its own; without, the port would be part of the authority (docs/envoy.md).
    let cluster = |clear: bool| if clear { "origins_in_the_clear" } else { "origins" };
    let clusters: serde_json::Map<String, Json> =
        named(fixture).into_iter().filter(|row| row.port).map(|row| (row.domain, cluster(row.clear).into())).collect();
    let mut plugin = json!({
        "verge": fixture.document(),
        "tables": tables,
        "origins": {"cluster": cluster(false), "insecure": cluster(true), "clusters": clusters},
    });
    if fixture.before.is_empty() {
        plugin["table"] = json!({"Items": fixture.items});
    } else {
        plugin["fetch"] = json!({"cluster": "tables", "path": path});
    }
    plugin
}

impl Listener<'_> {
    /// Where it fetches its table: a place of its own, so that the server can tell listeners apart.
    pub(super) fn path(&self) -> String {
        format!("/{}{}", self.fixture.name, if self.certificate.is_some() { "/tls" } else { "" })
    }

    fn config(&self, filter: &Path) -> Json {
        let name = format!("{}{}", self.fixture.name, if self.certificate.is_some() { ", over TLS" } else { "" });
        let mut chain = json!({"filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": {
                "@type": format!("{TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager"),
                "stat_prefix": "ingress",
                "use_remote_address": true,
                "skip_xff_append": true,
                "server_header_transformation": "PASS_THROUGH",
                "max_request_headers_kb": 1024,
                "common_http_protocol_options": {"max_headers_count": 256},
                "upgrade_configs": [{"upgrade_type": "websocket"}],
                "route_config": {"name": "all", "virtual_hosts": [{
                    "name": "all", "domains": ["*"],
                    "request_headers_to_remove": ["x-verge-cluster", "x-envoy-external-address", "x-envoy-internal"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster_header": "x-verge-cluster"}}],
                }]},
                "http_filters": [
                    {"name": "verge", "typed_config": {
                        "@type": format!("{TYPE}.filters.http.wasm.v3.Wasm"),
                        "config": {
                            "name": name, "root_id": name,
                            "vm_config": {
                                "vm_id": name, "runtime": "envoy.wasm.runtime.v8",
                                "code": {"local": {"filename": filter}},
                            },
                            "configuration": {
                                "@type": "type.googleapis.com/google.protobuf.StringValue",
                                "value": plugin(self.fixture, &self.path()).to_string(),
                            },
                        },
                    }},
                    {"name": "envoy.filters.http.router", "typed_config": {
                        "@type": format!("{TYPE}.filters.http.router.v3.Router"),
                        "suppress_envoy_headers": true,
                    }},
                ],
            },
        }]});
        if let Some(certificate) = self.certificate {
            chain["transport_socket"] = json!({
                "name": "envoy.transport_sockets.tls",
                "typed_config": {
                    "@type": format!("{TYPE}.transport_sockets.tls.v3.DownstreamTlsContext"),
                    "common_tls_context": {"tls_certificates": [{
                        "certificate_chain": {"inline_string": certificate.chain},
                        "private_key": {"inline_string": certificate.key},
                    }]},
                },
            });
        }
        json!({"name": name, "address": socket(self.address), "filter_chains": [chain]})
    }
}
