//! Prints the reference of every key: `cargo run -p config --example reference > config/reference.md`.

fn main() {
    print!("{}", config::reference());
}
