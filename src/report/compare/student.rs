//! Student's t distribution: its distribution function and its quantiles. Pure arithmetic.
//!
//! ```text
//! P(T <= t) = 1 - I(x; v/2, 1/2) / 2   for t >= 0, with x = v / (v + t^2)
//! I(x; a, b)  the regularised incomplete beta function, by its continued fraction (modified Lentz)
//! ```
//!
//! Degrees of freedom v need not be whole. Quantiles are found by halving an interval of the
//! distribution function, to the last bits.

/// P(T <= t) with `freedom` degrees of freedom.
pub fn cdf(t: f64, freedom: f64) -> f64 {
    let tail = incomplete_beta(freedom / (freedom + t * t), freedom / 2.0, 0.5) / 2.0;
    if t > 0.0 { 1.0 - tail } else { tail }
}

/// The t below which a share `p` of the distribution lies, 0 < p < 1.
pub fn quantile(p: f64, freedom: f64) -> f64 {
    if p < 0.5 {
        return -quantile(1.0 - p, freedom);
    }
    let mut high = 1.0;
    while cdf(high, freedom) < p && high < 1e12 {
        high *= 2.0;
    }
    let mut low = 0.0;
    for _ in 0..100 {
        let middle = (low + high) / 2.0;
        if cdf(middle, freedom) < p { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (1.0 - x).ln()).exp();
    // The fraction converges fast only on this side.
    if x < (a + 1.0) / (a + b + 2.0) { front * fraction(x, a, b) / a } else { 1.0 - front * fraction(1.0 - x, b, a) / b }
}

/// The continued fraction of the incomplete beta function.
fn fraction(x: f64, a: f64, b: f64) -> f64 {
    let solid = |y: f64| if y.abs() < 1e-300 { 1e-300 } else { y };
    let mut c = 1.0;
    let mut d = 1.0 / solid(1.0 - (a + b) * x / (a + 1.0));
    let mut sum = d;
    for m in 1..1_000 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut step = 1.0;
        for term in [even, odd] {
            d = 1.0 / solid(1.0 + term * d);
            c = solid(1.0 + term / c);
            step = c * d;
            sum *= step;
        }
        if (step - 1.0).abs() < 1e-15 {
            break;
        }
    }
    sum
}

/// Logarithm of the gamma function for x > 0, by Lanczos' sum (g = 7, nine terms).
fn ln_gamma(x: f64) -> f64 {
    const TERMS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    if x < 0.5 {
        return (std::f64::consts::PI / (std::f64::consts::PI * x).sin()).ln() - ln_gamma(1.0 - x);
    }
    let x = x - 1.0;
    let sum = (1..).zip(TERMS).fold(0.999_999_999_999_809_9, |sum, (i, term)| sum + term / (x + f64::from(i)));
    let t = x + 7.5;
    (2.0 * std::f64::consts::PI).ln() / 2.0 + (x + 0.5) * t.ln() - t + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tabulated_quantiles() {
        for (p, freedom, t) in [
            (0.95, 1.0, 6.314),
            (0.975, 1.0, 12.706),
            (0.95, 2.0, 2.920),
            (0.975, 4.0, 2.776),
            (0.95, 4.0, 2.132),
            (0.80, 4.0, 0.941),
            (0.975, 8.0, 2.306),
            (0.95, 10.0, 1.812),
            (0.995, 10.0, 3.169),
            (0.975, 18.0, 2.101),
            (0.975, 30.0, 2.042),
            (0.95, 120.0, 1.658),
            (0.999, 5.0, 5.893),
        ] {
            assert!((quantile(p, freedom) - t).abs() < 6e-4, "t({p}; {freedom}) = {}", quantile(p, freedom));
            assert!((quantile(1.0 - p, freedom) + t).abs() < 6e-4);
        }
    }

    #[test]
    fn the_distribution_undoes_its_quantiles() {
        for freedom in [1.0, 2.5, 4.0, 17.3, 200.0] {
            for p in [0.001, 0.05, 0.5, 0.8, 0.975, 0.9999] {
                assert!((cdf(quantile(p, freedom), freedom) - p).abs() < 1e-9, "{p} {freedom}");
            }
        }
        assert!((cdf(0.0, 3.0) - 0.5).abs() < 1e-12);
        assert!((cdf(1.0, 1.0) - 0.75).abs() < 1e-12, "Cauchy");
    }
}
