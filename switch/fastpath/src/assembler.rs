//! Instructions of BPF (RFC 9669) with labels in place of offsets.

use std::collections::BTreeMap;

/// A register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Reg(u8);

pub(crate) const R0: Reg = Reg(0);
pub(crate) const R1: Reg = Reg(1);
pub(crate) const R2: Reg = Reg(2);
pub(crate) const R3: Reg = Reg(3);
pub(crate) const R4: Reg = Reg(4);
pub(crate) const R5: Reg = Reg(5);
/// Kept over calls, as the next three.
pub(crate) const R6: Reg = Reg(6);
pub(crate) const R7: Reg = Reg(7);
pub(crate) const R8: Reg = Reg(8);
pub(crate) const R9: Reg = Reg(9);
/// End of the stack.
pub(crate) const FP: Reg = Reg(10);

/// How many bytes a load or store takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Size {
    Byte = 0x10,
    Half = 0x08,
    Word = 0x00,
    Double = 0x18,
}

/// When a jump is taken; numbers are without sign.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum If {
    Equal = 0x10,
    NotEqual = 0x50,
    Greater = 0x20,
    Less = 0xa0,
}

/// What becomes of the first operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Op {
    Add = 0x00,
    Sub = 0x10,
    Or = 0x40,
    And = 0x50,
    Move = 0xb0,
}

/// The right side of an instruction.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value {
    Reg(Reg),
    Number(i32),
}

/// The instructions so far, each eight bytes as the kernel takes them.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    code: Vec<[u8; 8]>,
    labels: BTreeMap<&'static str, usize>,
    jumps: Vec<(usize, &'static str)>,
}

impl From<Reg> for Value {
    fn from(reg: Reg) -> Self {
        Self::Reg(reg)
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Self::Number(number)
    }
}

// === impl Assembler ===

impl Assembler {
    /// `to op= value`, 64 bits.
    pub(crate) fn op(&mut self, op: Op, to: Reg, value: impl Into<Value>) -> &mut Self {
        self.with(0x07 | op as u8, to, 0, value.into())
    }

    /// The same, 32 bits; the upper half becomes zero.
    pub(crate) fn op32(&mut self, op: Op, to: Reg, value: impl Into<Value>) -> &mut Self {
        self.with(0x04 | op as u8, to, 0, value.into())
    }

    /// Turns the lowest 16 or 32 bits between the order of the network and the machine's, the rest becomes
    /// zero.
    pub(crate) fn network_order(&mut self, reg: Reg, bits: i32) -> &mut Self {
        self.push(0xdc, reg, Reg(0), 0, bits)
    }

    /// `to = *(from + offset)`.
    pub(crate) fn load(&mut self, size: Size, to: Reg, from: Reg, offset: i16) -> &mut Self {
        self.push(0x61 | size as u8, to, from, offset, 0)
    }

    /// `*(to + offset) = from`.
    pub(crate) fn store(&mut self, size: Size, to: Reg, offset: i16, from: Reg) -> &mut Self {
        self.push(0x63 | size as u8, to, from, offset, 0)
    }

    /// `*(to + offset) += from`, 64 bits, whatever other processors do to it.
    pub(crate) fn atomic_add(&mut self, to: Reg, offset: i16, from: Reg) -> &mut Self {
        self.push(0xdb, to, from, offset, 0)
    }

    /// Goes on at a label if so.
    pub(crate) fn jump(
        &mut self,
        when: If,
        left: Reg,
        right: impl Into<Value>,
        label: &'static str,
    ) -> &mut Self {
        self.jumps.push((self.code.len(), label));
        self.with(0x05 | when as u8, left, 0, right.into())
    }

    /// Here a jump may go on.
    pub(crate) fn label(&mut self, label: &'static str) -> &mut Self {
        let is_new = self.labels.insert(label, self.code.len()).is_none();
        assert!(is_new, "label {label} twice");
        self
    }

    /// Calls a function of the kernel by its number in `bpf.h`.
    pub(crate) fn call(&mut self, function: i32) -> &mut Self {
        self.push(0x85, Reg(0), Reg(0), 0, function)
    }

    /// `to = ` a map by its descriptor.
    pub(crate) fn map(&mut self, to: Reg, descriptor: i32) -> &mut Self {
        self.push(0x18, to, Reg(1), 0, descriptor).push(0, Reg(0), Reg(0), 0, 0)
    }

    /// Ends with what R0 holds.
    pub(crate) fn exit(&mut self) -> &mut Self {
        self.push(0x95, Reg(0), Reg(0), 0, 0)
    }

    /// The program, with all jumps to their labels.
    pub(crate) fn finish(&mut self) -> Vec<[u8; 8]> {
        for (place, label) in std::mem::take(&mut self.jumps) {
            let Some(target) = self.labels.get(label) else { unreachable!("label {label} is nowhere") };
            let offset = (*target as i64 - place as i64 - 1) as i16;
            self.code[place][2..4].copy_from_slice(&offset.to_ne_bytes());
        }
        std::mem::take(&mut self.code)
    }

    fn with(&mut self, code: u8, to: Reg, offset: i16, value: Value) -> &mut Self {
        match value {
            Value::Number(number) => self.push(code, to, Reg(0), offset, number),
            Value::Reg(from) => self.push(code | 0x08, to, from, offset, 0),
        }
    }

    fn push(&mut self, code: u8, to: Reg, from: Reg, offset: i16, number: i32) -> &mut Self {
        let registers = if cfg!(target_endian = "little") { from.0 << 4 | to.0 } else { to.0 << 4 | from.0 };
        let [o0, o1] = offset.to_ne_bytes();
        let [n0, n1, n2, n3] = number.to_ne_bytes();
        self.code.push([code, registers, o0, o1, n0, n1, n2, n3]);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_those_of_rfc_9669() {
        let mut assembler = Assembler::default();
        assembler
            .op(Op::Move, R6, R1)
            .op32(Op::And, R2, 0x7f)
            .load(Size::Half, R3, R7, 12)
            .store(Size::Word, FP, -4, R3)
            .jump(If::NotEqual, R3, 8, "end")
            .atomic_add(R9, 40, R1)
            .network_order(R1, 16)
            .label("end")
            .exit();
        if cfg!(target_endian = "big") {
            return;
        }
        let code = assembler.finish();
        assert_eq!(
            code,
            [
                [0xbf, 0x16, 0, 0, 0, 0, 0, 0],
                [0x54, 0x02, 0, 0, 0x7f, 0, 0, 0],
                [0x69, 0x73, 12, 0, 0, 0, 0, 0],
                [0x63, 0x3a, 0xfc, 0xff, 0, 0, 0, 0],
                [0x55, 0x03, 2, 0, 8, 0, 0, 0],
                [0xdb, 0x19, 40, 0, 0, 0, 0, 0],
                [0xdc, 0x01, 0, 0, 16, 0, 0, 0],
                [0x95, 0, 0, 0, 0, 0, 0, 0],
            ]
        );
    }
}
