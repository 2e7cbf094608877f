//! Envoy itself, with the filter in it: a listener for each table, all of them in one process.

use crate::{
    Edge, is_timeless,
    origin::Origin,
    seen::{Asked, Seen},
    wire::Wire,
};
use serde_json::{Value as Json, json};
use std::{
    collections::BTreeMap,
    env,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use verge_tests::{corpus::Fixture, scratch::Scratch};

pub(crate) struct Envoy {
    child: Child,
    wires: BTreeMap<String, Wire>,
    origin: Origin,
    _scratch: Scratch,
}

/// How long it may take to begin: each table is a machine of its own.
const PATIENCE: Duration = Duration::from_secs(120);

impl Envoy {
    pub(crate) fn start(fixtures: &BTreeMap<String, Arc<Fixture>>, origin: &Origin) -> Self {
        let program = env::var("ENVOY").expect("ENVOY: where the program is");
        let filter = PathBuf::from(env::var("FILTER").unwrap_or_else(|_| "dist/verge_envoy.wasm".to_owned()));
        let filter = filter.canonicalize().expect("dist/verge_envoy.wasm: `make wasm` makes it");
        let mut wires = BTreeMap::new();
        let mut listeners = Vec::new();
        for (name, fixture) in fixtures.iter().filter(|(_, fixture)| fixture.before.is_empty()) {
            let address = free();
            wires.insert(name.clone(), Wire::to(address));
            listeners.push(listener(name, address, fixture, &filter));
        }
        let scratch = Scratch::new();
        let config = json!({
            "admin": {"address": socket(free())},
            "static_resources": {"listeners": listeners, "clusters": [{
                "name": "origins", "type": "STATIC", "connect_timeout": "5s",
                "load_assignment": {"cluster_name": "origins", "endpoints": [{"lb_endpoints": [
                    {"endpoint": {"address": socket(origin.clear)}},
                ]}]},
            }]},
        });
        let file = scratch.write("envoy.json", config.to_string());
        let log = scratch.path().join("envoy.log");
        let child = Command::new(program)
            .args(["--concurrency", "1", "--log-level", "warn", "--use-dynamic-base-id", "--log-path"])
            .arg(&log)
            .arg("-c")
            .arg(file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut envoy = Self { child, wires, origin: origin.clone(), _scratch: scratch };
        let (started, last) = (Instant::now(), envoy.wires.values().next_back().map(Wire::address));
        while last.is_some_and(|address| std::net::TcpStream::connect(address).is_err()) {
            let said = || std::fs::read_to_string(&log).unwrap_or_default();
            assert!(envoy.child.try_wait().unwrap().is_none(), "Envoy went: {}", said());
            assert!(started.elapsed() < PATIENCE, "Envoy does not listen: {}", said());
            thread::sleep(Duration::from_millis(50));
        }
        envoy
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Edge for Envoy {
    fn name(&self) -> &'static str {
        "envoy"
    }

    fn ask(&mut self, fixture: &Fixture, asked: &Asked) -> Option<Seen> {
        if !is_timeless(asked) || asked.tls {
            return None;
        }
        let wire = self.wires.get_mut(&fixture.name)?;
        self.origin.answers(&asked.answer);
        let got = wire.ask(&asked.bytes(), asked.method == http::Method::HEAD).ok()?;
        Some(Seen::at(got.status, self.origin.got(), got.fields, &got.body))
    }
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn socket(address: SocketAddr) -> Json {
    json!({"socket_address": {"address": address.ip().to_string(), "port_value": address.port()}})
}

fn listener(name: &str, address: SocketAddr, fixture: &Fixture, filter: &std::path::Path) -> Json {
    let tables: serde_json::Map<String, Json> =
        fixture.own.iter().map(|(api, items)| (api.clone(), json!({"Items": items}))).collect();
    let mut plugin = json!({"verge": fixture.document(), "table": {"Items": fixture.items}});
    if !tables.is_empty() {
        plugin["tables"] = tables.into();
    }
    json!({
        "name": name,
        "address": socket(address),
        "filter_chains": [{"filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
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
                        "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
                        "config": {
                            "name": "verge", "root_id": "verge",
                            "vm_config": {
                                "vm_id": name, "runtime": "envoy.wasm.runtime.v8",
                                "code": {"local": {"filename": filter}},
                            },
                            "configuration": {
                                "@type": "type.googleapis.com/google.protobuf.StringValue",
                                "value": plugin.to_string(),
                            },
                        },
                    }},
                    {"name": "envoy.filters.http.router", "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
                        "suppress_envoy_headers": true,
                    }},
                ],
            },
        }]}],
    })
}
