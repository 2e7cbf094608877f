//! What the filter asks of Envoy, by the proxy-wasm ABI (v0.2.1); [`boundary`](crate::boundary) is the other way.
//!
//! There is no library for it: one would carry all of the ABI, and this filter has a size to keep. What Envoy gives is
//! written by it into room that is made here (`proxy_on_memory_allocate`), and taken from there by its address. No
//! pointer is ever followed on this side, so nothing here is unsafe but the names.

#![allow(unsafe_code, reason = "imported and exported names are unsafe to choose: these are the ABI's")]

use crate::pairs::{read_fields, write_fields};
use std::{
    ptr::null_mut,
    sync::{Mutex, PoisonError},
    time::Duration,
};

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    safe fn proxy_log(level: u32, text: *const u8, size: usize) -> u32;
    safe fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    safe fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
    safe fn proxy_get_buffer_bytes(kind: u32, at: usize, most: usize, to: *mut *mut u8, size: *mut usize) -> u32;
    safe fn proxy_set_buffer_bytes(kind: u32, at: usize, old: usize, from: *const u8, size: usize) -> u32;
    safe fn proxy_get_header_map_pairs(map: u32, to: *mut *mut u8, size: *mut usize) -> u32;
    safe fn proxy_get_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        to: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    safe fn proxy_replace_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    safe fn proxy_add_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    safe fn proxy_remove_header_map_value(map: u32, name: *const u8, name_size: usize) -> u32;
    safe fn proxy_get_property(path: *const u8, path_size: usize, to: *mut *mut u8, size: *mut usize) -> u32;
    safe fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        head: *const u8,
        head_size: usize,
        grpc_status: i32,
    ) -> u32;
    safe fn proxy_http_call(
        cluster: *const u8,
        cluster_size: usize,
        head: *const u8,
        head_size: usize,
        body: *const u8,
        body_size: usize,
        trailers: *const u8,
        trailers_size: usize,
        timeout: u32,
        token: *mut u32,
    ) -> u32;
    safe fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, id: *mut u32) -> u32;
    safe fn proxy_increment_metric(id: u32, by: i64) -> u32;
    safe fn proxy_record_metric(id: u32, value: u64) -> u32;
    safe fn proxy_call_foreign_function(
        name: *const u8,
        name_size: usize,
        question: *const u8,
        question_size: usize,
        to: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
}

/// How bad what is logged is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Level {
    Warn = 3,
    Error = 4,
}

/// Whose fields.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Head {
    Request = 0,
    Response = 2,
    /// Of the answer to [`call`].
    Called = 6,
}

/// Which bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Body {
    Response = 1,
    /// Of the answer to [`call`].
    Called = 4,
    Configuration = 7,
}

/// What a statistic does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Metric {
    Counter = 0,
    Gauge = 1,
}

/// Room that Envoy asked for, and has not said yet what it is for.
static ROOMS: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// Envoy wants to write so many bytes.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    let mut room = vec![0; size];
    let at = room.as_mut_ptr();
    ROOMS.lock().unwrap_or_else(PoisonError::into_inner).push(room);
    at
}

/// What Envoy wrote, where it says that it did.
fn written(ask: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Option<Vec<u8>> {
    let (mut at, mut size) = (null_mut(), 0);
    let told = ask(&raw mut at, &raw mut size);
    let mut rooms = ROOMS.lock().unwrap_or_else(PoisonError::into_inner);
    let place = rooms.iter().position(|room| room.as_ptr() == at.cast_const());
    let mut room = place.map(|place| rooms.swap_remove(place)).unwrap_or_default();
    room.truncate(size);
    (told == 0).then_some(room)
}

pub(crate) fn log(level: Level, text: &str) {
    // A log that takes nothing is nothing to fail for.
    proxy_log(level as u32, text.as_ptr(), text.len());
}

/// Nanoseconds since 1970.
pub(crate) fn now() -> u64 {
    let mut now = 0;
    proxy_get_current_time_nanoseconds(&raw mut now);
    now
}

pub(crate) fn tick_every(period: Duration) {
    proxy_set_tick_period_milliseconds(u32::try_from(period.as_millis()).unwrap_or(u32::MAX));
}

/// All of some bytes.
pub(crate) fn bytes(body: Body) -> Option<Vec<u8>> {
    written(|to, size| proxy_get_buffer_bytes(body as u32, 0, usize::MAX, to, size))
}

/// Writes a body in the place of one of this size.
pub(crate) fn set_body(body: Body, old: usize, bytes: &[u8]) {
    proxy_set_buffer_bytes(body as u32, 0, old, bytes.as_ptr(), bytes.len());
}

/// All fields.
pub(crate) fn fields(head: Head) -> Option<Vec<(String, Vec<u8>)>> {
    read_fields(&written(|to, size| proxy_get_header_map_pairs(head as u32, to, size))?)
}

/// A field's value.
pub(crate) fn field(head: Head, name: &str) -> Option<String> {
    let value = written(|to, size| proxy_get_header_map_value(head as u32, name.as_ptr(), name.len(), to, size))?;
    String::from_utf8(value).ok()
}

// A host that refuses an edit has closed the stream already.

pub(crate) fn set(head: Head, name: &str, value: &[u8]) {
    proxy_replace_header_map_value(head as u32, name.as_ptr(), name.len(), value.as_ptr(), value.len());
}

pub(crate) fn add(head: Head, name: &str, value: &[u8]) {
    proxy_add_header_map_value(head as u32, name.as_ptr(), name.len(), value.as_ptr(), value.len());
}

pub(crate) fn remove(head: Head, name: &str) {
    proxy_remove_header_map_value(head as u32, name.as_ptr(), name.len());
}

/// What Envoy knows besides; the parts of its name end in NUL.
pub(crate) fn property(path: &str) -> Option<Vec<u8>> {
    written(|to, size| proxy_get_property(path.as_ptr(), path.len(), to, size))
}

/// Answers a request here.
pub(crate) fn reply(status: u16, fields: &[(&str, &str)], body: &[u8]) {
    let head = write_fields(fields);
    let (details, none) = ("", -1);
    proxy_send_local_response(
        u32::from(status),
        details.as_ptr(),
        details.len(),
        body.as_ptr(),
        body.len(),
        head.as_ptr(),
        head.len(),
        none,
    );
}

/// Asks a cluster; the answer comes under this token. `None`: it cannot be asked.
pub(crate) fn call(cluster: &str, fields: &[(&str, &str)], patience: Duration) -> Option<u32> {
    let (head, trailers) = (write_fields(fields), write_fields(&[]));
    let (body, mut token) = ("", 0);
    let told = proxy_http_call(
        cluster.as_ptr(),
        cluster.len(),
        head.as_ptr(),
        head.len(),
        body.as_ptr(),
        body.len(),
        trailers.as_ptr(),
        trailers.len(),
        u32::try_from(patience.as_millis()).unwrap_or(u32::MAX),
        &raw mut token,
    );
    (told == 0).then_some(token)
}

pub(crate) fn define(kind: Metric, name: &str) -> Option<u32> {
    let mut id = 0;
    (proxy_define_metric(kind as u32, name.as_ptr(), name.len(), &raw mut id) == 0).then_some(id)
}

pub(crate) fn increment(metric: u32) {
    proxy_increment_metric(metric, 1);
}

pub(crate) fn record(metric: u32, value: u64) {
    proxy_record_metric(metric, value);
}

/// The route was picked by the head as it was: it is to be picked anew.
pub(crate) fn clear_route_cache() {
    let (name, nothing) = ("clear_route_cache", "");
    written(|to, size| {
        proxy_call_foreign_function(name.as_ptr(), name.len(), nothing.as_ptr(), nothing.len(), to, size)
    });
}
