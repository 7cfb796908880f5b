//! Enumerations that stand in the log, each written down once: what is encoded, decoded, named and
//! tested comes from the same table, so that nothing can be written that is not read back.

/// An enumeration of plain members. Each has its number in the log and its name outside of it:
/// `Member = 0 => "name"`. Behind the enumeration's name stand the name of the constant that holds
/// all members and what a reader of the log expects in their place.
macro_rules! enumeration {
    (
        $(#[$meta:meta])*
        pub enum $name:ident, $all:ident, $expected:literal {
            $($(#[$member_meta:meta])* $member:ident = $number:literal => $text:literal,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name {
            $($(#[$member_meta])* $member = $number,)+
        }

        impl $name {
            /// All there are, in the order of their numbers.
            pub const $all: [$name; [$($text),+].len()] = [$($name::$member),+];

            /// Its stable, machine-readable name.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($name::$member => $text,)+
                }
            }

            /// The one that has this number in the log.
            pub const fn numbered(number: u8) -> Option<$name> {
                match number {
                    $($number => Some($name::$member),)+
                    _ => None,
                }
            }

            /// The one of this name.
            #[allow(non_upper_case_globals, reason = "a constant a member, named as it is")]
            pub fn named(name: &[u8]) -> Option<$name> {
                $(const $member: &[u8] = $text.as_bytes();)+
                match name {
                    $($member => Some($name::$member),)+
                    _ => None,
                }
            }
        }

        impl $crate::trading::codec::field::Field for $name {
            fn put(&self, out: &mut Vec<u8>) -> $crate::trading::codec::field::Put {
                out.push(*self as u8);
                Ok(())
            }

            fn take(
                reader: &mut $crate::trading::codec::Reader<'_>,
            ) -> Result<$name, $crate::trading::codec::DecodeError> {
                let number = reader.u8($expected)?;
                $name::numbered(number).ok_or_else(|| reader.error($expected))
            }

            fn examples() -> Vec<$name> {
                $name::$all.to_vec()
            }
        }
    };
}

/// An enumeration whose members carry fields, which stand in the log behind the member's number in
/// the order in which they are listed: `Member { field: Type } = 0 => "name"`, or
/// `Member(field: Type) = 0 => "name"` where they have no names outside of the table.
macro_rules! tagged {
    (
        $(#[$meta:meta])*
        pub enum $name:ident, $expected:literal {
            $(
                $(#[$member_meta:meta])*
                $member:ident
                $({ $($(#[$field_meta:meta])* $field:ident: $type:ty),+ $(,)? })?
                $(($($part:ident: $part_type:ty),+))?
                = $number:literal => $text:literal,
            )+
        }
    ) => {
        $(#[$meta])*
        pub enum $name {
            $(
                $(#[$member_meta])*
                $member
                $({ $($(#[$field_meta])* $field: $type),+ })?
                $(($($part_type),+))?,
            )+
        }

        impl $name {
            /// The numbers that all members have in the log, and their names.
            pub const CODES: [(u8, &'static str); [$($text),+].len()] = [$(($number, $text)),+];

            /// Its number in the log.
            pub const fn number(&self) -> u8 {
                match self {
                    $($name::$member { .. } => $number,)+
                }
            }

            /// Its stable, machine-readable name.
            pub const fn code(&self) -> &'static str {
                match self {
                    $($name::$member { .. } => $text,)+
                }
            }

            /// Appends what stands behind the number.
            pub(in crate::trading) fn put_fields(
                &self,
                out: &mut Vec<u8>,
            ) -> $crate::trading::codec::field::Put {
                match self {
                    $(
                        $name::$member $({ $($field),+ })? $(($($part),+))? => {
                            $($($crate::trading::codec::field::Field::put($field, out)?;)+)?
                            $($($crate::trading::codec::field::Field::put($part, out)?;)+)?
                        }
                    )+
                }
                Ok(())
            }

            /// Reads what stands behind `number`.
            pub(in crate::trading) fn take_fields(
                number: u8,
                reader: &mut $crate::trading::codec::Reader<'_>,
            ) -> Result<$name, $crate::trading::codec::DecodeError> {
                use $crate::trading::codec::field::Field;
                Ok(match number {
                    $(
                        $number => $name::$member
                            $({ $($field: <$type as Field>::take(reader)?),+ })?
                            $(($(<$part_type as Field>::take(reader)?),+))?,
                    )+
                    _ => return Err(reader.error($expected)),
                })
            }

            /// Every member with fields of every form, for tests that must leave none out.
            pub fn examples() -> Vec<$name> {
                use $crate::trading::codec::field;
                let mut all = Vec::new();
                $(
                    all.extend(field::several(|_nth| {
                        Some($name::$member
                            $({ $($field: field::example::<$type>(_nth)?),+ })?
                            $(($(field::example::<$part_type>(_nth)?),+))?)
                    }));
                )+
                // A member without fields has one form.
                all.dedup();
                all
            }
        }
    };
}

/// A structure that stands in the log as its fields, in the order in which they are listed.
macro_rules! record {
    ($name:ident { $($field:ident),+ $(,)? }) => {
        impl $crate::trading::codec::field::Field for $name {
            fn put(&self, out: &mut Vec<u8>) -> $crate::trading::codec::field::Put {
                let $name { $($field),+ } = self;
                $($crate::trading::codec::field::Field::put($field, out)?;)+
                Ok(())
            }

            fn take(
                reader: &mut $crate::trading::codec::Reader<'_>,
            ) -> Result<$name, $crate::trading::codec::DecodeError> {
                use $crate::trading::codec::field::Field;
                Ok($name { $($field: Field::take(reader)?),+ })
            }

            fn examples() -> Vec<$name> {
                use $crate::trading::codec::field;
                field::several(|nth| Some($name { $($field: field::example(nth)?),+ })).collect()
            }
        }
    };
}

pub(super) use {enumeration, record, tagged};
