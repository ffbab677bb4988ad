//! An operator, an account and its users, as `nsc` would make them: JWTs that a server believes because of who signed them.

use std::path::Path;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use serde_json::Value;
use serde_json::json;

/// A JWT of `subject` about `nats`, signed by `by`.
fn signed(by: &KeyPair, subject: &str, nats: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = part(&json!({ "typ": "JWT", "alg": "ed25519-nkey" }));
    let claims =
        part(&json!({ "jti": subject, "iat": 1_700_000_000, "iss": by.public_key(), "name": "test", "sub": subject, "nats": nats }));
    let signature = by.sign(format!("{head}.{claims}").as_bytes()).expect("it has a seed");
    format!("{head}.{claims}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Who may use a server.
pub(crate) struct Operator {
    account: KeyPair,
    /// What the server has to know.
    pub(crate) config: String,
}

impl Operator {
    pub(crate) fn new() -> Operator {
        let (operator, system, account) = (KeyPair::new_operator(), KeyPair::new_account(), KeyPair::new_account());
        let own = signed(&operator, &operator.public_key(), &json!({ "type": "operator", "version": 2 }));
        let limits = json!({
            "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
            "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1,
        });
        let its = signed(&operator, &account.public_key(), &json!({ "type": "account", "version": 2, "limits": limits }));
        // JetStream speaks with itself in an account that has none.
        let plain = signed(
            &operator,
            &system.public_key(),
            &json!({ "type": "account", "version": 2, "limits": { "subs": -1, "data": -1, "payload": -1, "conn": -1, "imports": -1, "exports": -1, "wildcards": true, "leaf": -1 } }),
        );
        let config = format!(
            "operator: {own}\nresolver: MEMORY\nsystem_account: {0}\nresolver_preload: {{ {0}: {plain}, {1}: {its} }}\n",
            system.public_key(),
            account.public_key()
        );
        Operator { account, config }
    }

    /// The credentials of a user of the account, in a file in `dir`.
    pub(crate) fn user(&self, dir: &Path, name: &str) -> PathBuf {
        let user = KeyPair::new_user();
        let nats = json!({ "type": "user", "version": 2, "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1 });
        let jwt = signed(&self.account, &user.public_key(), &nats);
        let seed = user.seed().expect("it is new");
        let text = format!(
            "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        );
        let path = dir.join(format!("{name}.creds"));
        std::fs::write(&path, text).expect("it can be written");
        path
    }
}
