//! CPU time of this thread as criterion's measure: what other programs do to the machine shows in it far less
//! than in wall time.

use std::time::Duration;

use criterion::measurement::{Measurement, ValueFormatter};
use criterion::{Criterion, Throughput};
use rustix::time::{ClockId, clock_gettime};

/// CPU time that this thread has used.
pub fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// CPU time that `work` takes on this thread, and what it gives.
pub fn cpu_of<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = thread_cpu();
    let result = work();
    (thread_cpu() - start, result)
}

/// Criterion with CPU time, from the command line, short enough for all parts in some minutes.
pub fn criterion() -> Criterion<CpuTime> {
    Criterion::default()
        .with_measurement(CpuTime)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(40)
        .configure_from_args()
}

/// Measures CPU time of the thread, in nanoseconds.
#[derive(Debug, Clone, Copy)]
pub struct CpuTime;

struct Nanoseconds;

// === impl CpuTime ===

impl Measurement for CpuTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        thread_cpu()
    }

    fn end(&self, start: Duration) -> Duration {
        thread_cpu().saturating_sub(start)
    }

    fn add(&self, one: &Duration, two: &Duration) -> Duration {
        *one + *two
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_nanos() as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        &Nanoseconds
    }
}

// === impl Nanoseconds ===

impl ValueFormatter for Nanoseconds {
    fn scale_values(&self, typical: f64, values: &mut [f64]) -> &'static str {
        let (factor, unit) = match typical {
            ns if ns < 1e3 => (1.0, "ns"),
            ns if ns < 1e6 => (1e-3, "µs"),
            ns if ns < 1e9 => (1e-6, "ms"),
            _ => (1e-9, "s"),
        };
        values.iter_mut().for_each(|value| *value *= factor);
        unit
    }

    fn scale_throughputs(&self, _typical: f64, throughput: &Throughput, values: &mut [f64]) -> &'static str {
        let (amount, unit) = match throughput {
            Throughput::Bytes(bytes) | Throughput::BytesDecimal(bytes) => (*bytes as f64 / 1e6, "MB/s"),
            Throughput::Elements(count) => (*count as f64, "elem/s"),
            Throughput::Bits(_) | Throughput::ElementsAndBytes { .. } => (f64::NAN, "-"),
        };
        values.iter_mut().for_each(|value| *value = amount * 1e9 / *value);
        unit
    }

    fn scale_for_machines(&self, _values: &mut [f64]) -> &'static str {
        "ns"
    }
}
