//! A TLS end in front of a plain server, in this process.

#![allow(dead_code, reason = "each user uses a part of it")]

use std::net::SocketAddr;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::HandshakeKind;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::server::WebPkiClientVerifier;

use crate::certificates::Authority;
use crate::certificates::Certified;

/// What came through a TLS end.
#[derive(Default)]
pub(crate) struct Passed {
    pub(crate) handshakes: AtomicU64,
    pub(crate) resumed: AtomicU64,
    pub(crate) alpn: AtomicU64,
}

/// A TLS end in front of `behind`, on a thread that lives as long as the test program.
pub(crate) fn tls_end(certified: &Certified, behind: SocketAddr, client_authority: Option<&Authority>) -> (SocketAddr, Arc<Passed>) {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().expect("versions");
    let builder = match client_authority {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).expect("a certificate")).expect("an authority");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().expect("a verifier");
            builder.with_client_cert_verifier(verifier)
        }
    };
    let chain = CertificateDer::pem_slice_iter(certified.chain.as_bytes()).collect::<Result<_, _>>().expect("a chain");
    let key = PrivateKeyDer::from_pem_slice(certified.key.as_bytes()).expect("a key");
    let mut config = builder.with_single_cert(chain, key).expect("they go together");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a socket");
    let address = listener.local_addr().expect("bound");
    let passed = Arc::new(Passed::default());
    let seen = passed.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            while let Ok((tcp, _)) = listener.accept().await {
                tokio::spawn(pass(acceptor.clone(), tcp, behind, seen.clone()));
            }
        });
    });
    (address, passed)
}

async fn pass(acceptor: TlsAcceptor, tcp: tokio::net::TcpStream, behind: SocketAddr, passed: Arc<Passed>) {
    let Ok(mut front) = acceptor.accept(tcp).await else { return };
    let (_, connection) = front.get_ref();
    passed.handshakes.fetch_add(1, Ordering::Relaxed);
    passed.resumed.fetch_add(u64::from(connection.handshake_kind() == Some(HandshakeKind::Resumed)), Ordering::Relaxed);
    passed.alpn.fetch_add(u64::from(connection.alpn_protocol() == Some(b"http/1.1")), Ordering::Relaxed);
    let mut back = tokio::net::TcpStream::connect(behind).await.expect("the server behind");
    // Either side may end it as it likes.
    let _ = tokio::io::copy_bidirectional(&mut front, &mut back).await;
}
