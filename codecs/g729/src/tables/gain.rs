//! The conjugate-structure codebooks of the gains, in the order of the transmitted indices (clause 3.9.2).

/// Codebook GA by its three bits: part of the adaptive gain in 1/16384, of the correction factor in 1/8192.
#[rustfmt::skip]
pub(crate) const GA: [[i16; 2]; 8] = [
    [3242, 9949],
    [1551, 2425],
    [2678, 27162],
    [1921, 9291],
    [1831, 5022],
    [1, 1516],
    [356, 14756],
    [57, 5404],
];

/// Codebook GB by its four bits, in the same units.
#[rustfmt::skip]
pub(crate) const GB: [[i16; 2]; 16] = [
    [5142, 592],
    [17299, 1861],
    [6160, 2395],
    [16112, 3392],
    [826, 2005],
    [18973, 5935],
    [1994, 0],
    [15434, 237],
    [10573, 2966],
    [15132, 4914],
    [11569, 1196],
    [14194, 1630],
    [8091, 4861],
    [15161, 14276],
    [9120, 525],
    [13260, 3256],
];

/// Coefficients of the predictor of the fixed codebook's energy for the four subframes before, the latest
/// first.
pub(crate) const ENERGY_PREDICTOR: [f32; 4] = [0.68, 0.58, 0.34, 0.19];
