//! What a service manager is told, where one asks: `sd_notify(3)`, over the socket in `NOTIFY_SOCKET`.

use std::os::unix::net::UnixDatagram;

/// This process serves, and is the main one of its service from now on.
pub(crate) fn ready() {
    tell(&format!("MAINPID={}\nREADY=1", std::process::id()));
}

/// This process was told to go.
pub(crate) fn stopping() {
    tell("STOPPING=1");
}

/// Nothing depends on who listens: a manager that is not there is not told.
fn tell(state: &str) {
    let Some(place) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let Ok(socket) = UnixDatagram::unbound() else { return };
    let _ = match place.as_encoded_bytes() {
        #[cfg(target_os = "linux")]
        [b'@', name @ ..] => {
            use std::os::{linux::net::SocketAddrExt, unix::net::SocketAddr};
            SocketAddr::from_abstract_name(name).and_then(|place| socket.send_to_addr(state.as_bytes(), &place))
        }
        _ => socket.send_to(state.as_bytes(), &place),
    };
}
