//! TOML in, all mistakes at once.
