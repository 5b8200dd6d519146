//! How a model is run: so many orders, from seeds that are printed.

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, MaxSteps, Runner};

/// The stack of a thread in a model: code for debugging takes much.
const STACK_BYTES: usize = 1 << 20;
/// An execution that takes more steps does not end.
const STEPS_MAX: usize = 100_000;
/// How many changes of the thread the second scheduler makes.
const CHANGES: usize = 4;

/// Runs a model along so many orders at random, and as many with few changes of the thread.
pub(crate) fn check(orders: usize, model: impl Fn() + Send + Sync + Clone + 'static) {
    for seed in [1, fastrand::u64(..)] {
        println!("seed {seed}");
        run(RandomScheduler::new_from_seed(seed, orders / 2), model.clone());
        run(PctScheduler::new_from_seed(seed, CHANGES, orders / 2), model.clone());
    }
}

fn run(scheduler: impl Scheduler + 'static, model: impl Fn() + Send + Sync + 'static) {
    let mut config = Config::new();
    config.stack_size = STACK_BYTES;
    config.max_steps = MaxSteps::FailAfter(STEPS_MAX);
    Runner::new(scheduler, config).run(model);
}
