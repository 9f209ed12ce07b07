//! Random calls in random worlds, priced fast and by the slow exact model: `cargo run --release -p benches
//! --example random_calls [CALLS [SEED]]`. Prints how many were priced and every difference; exit code 1 if
//! there was one.
#![forbid(unsafe_code)]

#[path = "../../rating/tests/reference/mod.rs"]
mod reference;

use std::process::ExitCode;

use reference::{Dice, World, differ};

/// Calls in one world.
const CALLS_OF_WORLD: u64 = 500;
/// Differences that are printed.
const TOLD: u64 = 10;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>().unwrap_or_default());
    let (calls, seed) = (arguments.next().unwrap_or(10_000_000), arguments.next().unwrap_or(1));
    let begun = std::time::Instant::now();
    let (mut priced, mut differences, mut done) = (0_u64, 0_u64, 0_u64);
    while done < calls {
        // Each world has a seed of its own, so that one that fails can be told.
        let world_seed = seed.wrapping_mul(1 << 32).wrapping_add(done);
        let mut dice = Dice(world_seed);
        let world = World::roll(&mut dice);
        for _ in 0..CALLS_OF_WORLD.min(calls - done) {
            done += 1;
            match differ(&world, &mut dice) {
                Ok(found) => priced += u64::from(found),
                Err(told) => {
                    differences += 1;
                    if differences <= TOLD {
                        println!("world {world_seed}: {told}");
                    }
                }
            }
        }
    }
    println!(
        "{done} calls, {priced} priced, {differences} differences, {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    if differences == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
