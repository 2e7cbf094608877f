//! Upgrades without a gap: a running process hands its listening sockets to its successor, over a socket in the file
//! system, and leaves when that one serves. Until then it goes on, whatever becomes of the other.
//!
//! The successor connects, and is sent one message: the places as lines, with their sockets beside (`SCM_RIGHTS`). When
//! it holds a table and accepts, it says `serving`, hears `yours`, and has the place. Both must be of one user.

use crate::listen::{ListenError, bind};
use ring::digest::{SHA256, digest};
use rustix::{
    cmsg_space,
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
        recvmsg, sendmsg,
    },
    process::geteuid,
};
use std::{
    fs, io,
    io::{IoSlice, IoSliceMut, Read, Write},
    mem::MaybeUninit,
    net::{SocketAddr, TcpListener},
    os::{
        fd::{AsFd, OwnedFd},
        unix::{fs::PermissionsExt, net::UnixStream as StdStream},
    },
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, Interest},
    net::{UnixListener, UnixStream},
};

/// Sockets that can be handed over, at most: what the kernel takes in one message.
const MOST: usize = 253;

/// The longest message.
const LONGEST: usize = 64 * MOST;

/// How long a running process waits for a successor that has its sockets.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long a successor waits for an answer.
const ANSWER: Duration = Duration::from_secs(10);

/// What a successor says, and hears.
const SERVING: &[u8; 8] = b"serving\n";
const YOURS: &[u8; 6] = b"yours\n";

/// Where the successor of whoever serves this configuration asks, when nothing else is configured.
pub(crate) fn usual_place(file: &Path) -> PathBuf {
    let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let hash = digest(&SHA256, file.as_os_str().as_encoded_bytes());
    let hash = hash.as_ref().first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
    std::env::temp_dir().join(format!("verge-{}-{hash:016x}.sock", geteuid().as_raw()))
}

/// The listening sockets of this process, opened or taken over, by what they are for.
#[derive(Default)]
pub(crate) struct Sockets {
    inherited: Vec<(String, TcpListener)>,
    open: Vec<(String, TcpListener)>,
}

/// Who is to be replaced.
pub(crate) struct Predecessor(StdStream);

impl Predecessor {
    /// Asks who runs for its sockets; `None` where nobody does.
    ///
    /// # Errors
    /// There is somebody, who does not hand them over.
    pub(crate) fn ask(place: &Path, sockets: &mut Sockets) -> io::Result<Option<Self>> {
        let stream = match StdStream::connect(place) {
            Ok(stream) => stream,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        stream.set_read_timeout(Some(PATIENCE))?;
        let (mut text, mut room) = (vec![0; LONGEST], [MaybeUninit::uninit(); cmsg_space!(ScmRights(MOST))]);
        let mut control = RecvAncillaryBuffer::new(&mut room);
        let received =
            recvmsg(&stream, &mut [IoSliceMut::new(&mut text)], &mut control, RecvFlags::CMSG_CLOEXEC)?.bytes;
        let mut handed: Vec<OwnedFd> = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(sockets) = message {
                handed.extend(sockets);
            }
        }
        let text = text.get(..received).and_then(|text| str::from_utf8(text).ok()).unwrap_or_default();
        if text.is_empty() || text.lines().count() != handed.len() {
            return Err(io::Error::other("it hands its sockets to another one, or is leaving; try again"));
        }
        sockets.inherited = text.lines().map(str::to_owned).zip(handed.into_iter().map(TcpListener::from)).collect();
        Ok(Some(Self(stream)))
    }

    /// Tells it that its successor serves, and takes its place.
    ///
    /// # Errors
    /// It is gone.
    pub(crate) fn replace(mut self) -> io::Result<()> {
        self.0.set_read_timeout(Some(ANSWER))?;
        self.0.write_all(SERVING)?;
        let mut answer = [0; YOURS.len()];
        self.0.read_exact(&mut answer)
    }
}

impl Sockets {
    /// A listening socket: the predecessor's, where it has one for the same place and address, or one of its own.
    pub(crate) fn open(&mut self, what: &str, address: SocketAddr) -> Result<TcpListener, ListenError> {
        let name = format!("{what} {address}");
        let there = self.inherited.iter().position(|(other, _)| *other == name);
        let socket = match there {
            Some(there) => self.inherited.swap_remove(there).1,
            None => bind(address)?,
        };
        let copy = socket.try_clone().map_err(|error| ListenError::Other(address, error))?;
        self.open.push((name, copy));
        Ok(socket)
    }

    /// Waits for a successor, and hands them over; returns when it serves. Successors that fail change nothing.
    ///
    /// # Errors
    /// Nobody can ask.
    pub(crate) async fn offer(self, place: PathBuf) -> io::Result<()> {
        let Self { open, inherited } = self;
        // What nobody wants any more is closed.
        drop(inherited);
        if open.len() > MOST {
            return Err(io::Error::other(format!("more than {MOST} listeners cannot be handed over")));
        }
        let listener = listen(&place)?;
        loop {
            let Ok((mut stream, _)) = listener.accept().await else {
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            };
            if !stream.peer_cred().is_ok_and(|peer| peer.uid() == geteuid().as_raw() || peer.uid() == 0) {
                continue;
            }
            tracing::info!("a successor asks for the listeners");
            match tokio::time::timeout(PATIENCE, hand_over(&mut stream, &open)).await {
                Ok(Ok(())) => return Ok(()),
                _ => tracing::warn!("the successor does not serve; this process goes on"),
            }
        }
    }
}

/// Binds the place, which a predecessor or a process that was killed may have left behind.
fn listen(place: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(place) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(place)?;
    fs::set_permissions(place, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

async fn hand_over(stream: &mut UnixStream, open: &[(String, TcpListener)]) -> io::Result<()> {
    let text: String = open.iter().map(|(name, _)| format!("{name}\n")).collect();
    let sockets: Vec<_> = open.iter().map(|(_, socket)| socket.as_fd()).collect();
    stream
        .async_io(Interest::WRITABLE, || {
            let mut room = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MOST))];
            let mut control = SendAncillaryBuffer::new(&mut room);
            control.push(SendAncillaryMessage::ScmRights(&sockets));
            Ok(sendmsg(&*stream, &[IoSlice::new(text.as_bytes())], &mut control, SendFlags::NOSIGNAL)?)
        })
        .await?;
    let mut said = [0; SERVING.len()];
    stream.read_exact(&mut said).await?;
    if said != *SERVING {
        return Err(io::ErrorKind::InvalidData.into());
    }
    stream.write_all(YOURS).await
}
