//! The door: takes connections, makes each its own to the target, and pumps bytes both ways. A copy of what was passed on goes
//! to the post; nothing here waits for it. Knows nothing of frames.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::sync::Semaphore;
use tokio::task::LocalSet;

use super::Notice;
use super::head::Asked;
use super::head::Target;
use super::post::Post;
use super::post::What;
use crate::trace::Side;
use crate::wire::Opening;
use crate::wire::accept;
use crate::wire::through::Through;

/// Most connections at once; more wait in the listener's backlog.
const CONNECTIONS_MOST: usize = 4_096;
/// How long a request's head may take.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// Bytes read at once from one side.
const PART: usize = 32 << 10;
/// Rest after a failed accept, for want of files for example.
const REST: Duration = Duration::from_millis(20);

/// What the door counted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Passed {
    /// Clients that got nowhere.
    pub(super) failed: u64,
    /// Requests over HTTP passed on.
    pub(super) plain: u64,
    /// Bytes of clients.
    pub(super) bytes_out: u64,
    /// Bytes of the server.
    pub(super) bytes_in: u64,
}

/// Where clients come in.
pub(super) struct Door {
    target: Target,
    opening: Opening,
    post: Post,
    tell: Arc<dyn Fn(Notice) + Send + Sync>,
    passed: RefCell<Passed>,
}

impl Door {
    /// A door to the target, which `opening` reaches.
    pub(super) fn new(target: Target, opening: Opening, post: Post, tell: Arc<dyn Fn(Notice) + Send + Sync>) -> Self {
        Door { target, opening, post, tell, passed: RefCell::default() }
    }
}

/// Passes on until stopped; then what is still open is cut. The post is closed when this returns.
///
/// # Errors
/// When the runtime cannot be made or the listener is none.
pub(super) fn run(door: Door, listener: std::net::TcpListener, stop: &Notify) -> io::Result<Passed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let door = Rc::new(door);
    LocalSet::new().block_on(&runtime, door.clone().accept(listener, stop))?;
    Ok(*door.passed.borrow())
}

impl Door {
    async fn accept(self: Rc<Self>, listener: std::net::TcpListener, stop: &Notify) -> io::Result<()> {
        let listener = TcpListener::from_std(listener)?;
        let permits = Arc::new(Semaphore::new(CONNECTIONS_MOST));
        let mut number = 0;
        loop {
            let next = async {
                let permit = permits.clone().acquire_owned().await;
                (permit, listener.accept().await)
            };
            let (permit, accepted) = tokio::select! {
                biased;
                () = stop.notified() => return Ok(()),
                next = next => next,
            };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(REST).await;
                continue;
            };
            let door = self.clone();
            number += 1;
            tokio::task::spawn_local(async move {
                door.lead(stream, number).await;
                drop(permit);
            });
        }
    }

    /// One client, to its end.
    async fn lead(&self, mut client: TcpStream, number: u64) {
        client.set_nodelay(true).ok();
        let (asked, early) = match tokio::time::timeout(HEAD_WITHIN, self.asked(&mut client)).await {
            Ok(Ok(Some(found))) => found,
            // It left, or said nothing.
            Ok(Ok(None)) | Err(_) => return,
            Ok(Err(why)) => {
                (self.tell)(Notice::Odd(why.clone()));
                return self.refuse(client, "400 Bad Request", &why).await;
            }
        };
        let server = match self.opening.through(number).await {
            Ok(server) => server,
            Err(failure) => {
                (self.tell)(Notice::Unreached(failure.text.clone()));
                return self.refuse(client, "502 Bad Gateway", &format!("the target was not reached: {}", failure.text)).await;
            }
        };
        // An error means that one of them is gone, which both have been told by then.
        self.pass(client, server, asked, &early, number).await.ok();
    }

    /// The request, and what came behind it; `None` when the client left before.
    async fn asked(&self, client: &mut TcpStream) -> Result<Option<(Asked, Vec<u8>)>, String> {
        let mut bytes = Vec::new();
        loop {
            if let Some((asked, length)) = self.target.read(&bytes)? {
                return Ok(Some((asked, bytes.split_off(length))));
            }
            match client.read_buf(&mut bytes).await {
                Ok(0) | Err(_) => return Ok(None),
                Ok(_) => {}
            }
        }
    }

    async fn refuse(&self, mut client: TcpStream, status: &str, why: &str) {
        self.passed.borrow_mut().failed += 1;
        let body = format!("volley record: {why}\n");
        let head = format!("HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n");
        let answer = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        if client.write_all(answer.as_bytes()).await.is_ok() {
            accept::finish(client).await;
        }
    }

    /// Passes the request on, then everything.
    async fn pass(&self, client: TcpStream, mut server: Through, asked: Asked, early: &[u8], number: u64) -> io::Result<()> {
        server.write_all(&asked.bytes).await?;
        server.flush().await?;
        self.passed.borrow_mut().bytes_out += asked.bytes.len() as u64;
        // What is no conversation is passed on unrecorded.
        let number = asked.is_upgrade.then_some(number);
        match number {
            Some(number) => self.post.send(number, What::Asked(Box::new(asked))),
            None => self.passed.borrow_mut().plain += 1,
        }
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = tokio::io::split(server);
        let out = async {
            if !early.is_empty() {
                to_server.write_all(early).await?;
                to_server.flush().await?;
                self.note(number, Side::Client, early);
            }
            self.pump(number, Side::Client, &mut from_client, &mut to_server).await
        };
        let back = self.pump(number, Side::Server, &mut from_server, &mut to_client);
        // When one side breaks the other is cut, as it would be without us.
        let ended = tokio::try_join!(out, back).map(drop);
        // Whoever broke it: the server says no more, so nothing of it is kept.
        if let Some(number) = number {
            self.post.send(number, What::Ended(Side::Server));
        }
        ended
    }

    /// Passes on until there is nothing more; then says so to the other side.
    async fn pump(
        &self,
        number: Option<u64>,
        side: Side,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
    ) -> io::Result<()> {
        let mut part = vec![0; PART];
        let ended = loop {
            let length = match from.read(&mut part).await {
                Ok(0) => break (side, Ok(())),
                // TLS that ends without saying so.
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => break (side, Ok(())),
                Err(e) => break (side, Err(e)),
                Ok(length) => length,
            };
            let written = async {
                to.write_all(&part[..length]).await?;
                to.flush().await
            };
            if let Err(e) = written.await {
                break (other(side), Err(e));
            }
            self.note(number, side, &part[..length]);
        };
        if let Some(number) = number {
            self.post.send(number, What::Ended(ended.0));
        }
        ended.1?;
        to.shutdown().await
    }

    /// Bytes were passed on; nothing has been awaited since.
    fn note(&self, number: Option<u64>, side: Side, bytes: &[u8]) {
        let mut passed = self.passed.borrow_mut();
        match side {
            Side::Client => passed.bytes_out += bytes.len() as u64,
            Side::Server => passed.bytes_in += bytes.len() as u64,
        }
        if let Some(number) = number {
            self.post.send(number, What::Said(side, bytes.to_vec()));
        }
    }
}

fn other(side: Side) -> Side {
    match side {
        Side::Client => Side::Server,
        Side::Server => Side::Client,
    }
}
