//! The program: parse, call [`volley::cli`], exit code.

fn main() -> std::process::ExitCode {
    volley::cli::main()
}
