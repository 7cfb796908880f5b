//! Accounts to bytes and back, for snapshots.

use super::decode::{DecodeError, Reader};
use super::field::{Field, Put, put_u64};
use crate::trading::account::{
    Account, ArmedBy, BuyOrder, Holding, Pending, RecentCommand, SellOrder,
};
use crate::trading::{Amount, Stock, UserName};

/// Appends an account.
///
/// # Errors
/// It holds what no account can, and says what; part of it may have been appended.
pub fn encode_account(user: &UserName, account: &Account, out: &mut Vec<u8>) -> Put {
    user.put(out)?;
    out.push(u8::from(account.open));
    account.cash.put(out)?;
    account.reserved.put(out)?;
    put_list(account.holdings().iter(), out, |(stock, holding), out| {
        stock.put(out)?;
        holding.free.put(out)?;
        holding.reserved.put(out)
    })?;
    put_list(account.pending_buys.iter(), out, put_pending)?;
    put_list(account.pending_sells.iter(), out, put_pending)?;
    put_list(account.buy_orders.iter(), out, |(stock, order), out| {
        stock.put(out)?;
        order.amount.put(out)?;
        put_trigger(order.trigger, out)
    })?;
    put_list(account.sell_orders.iter(), out, |(stock, order), out| {
        stock.put(out)?;
        order.amount.put(out)?;
        put_trigger(order.trigger, out)?;
        order.reserved.put(out)
    })?;
    let recent: Vec<&RecentCommand> = account.recent.newest_first().collect();
    put_list(recent.into_iter(), out, |command, out| {
        command.transaction.put(out)?;
        command.name.put(out)?;
        out.push(u8::from(command.accepted));
        put_optional(command.stock, out, |stock, out| stock.put(out))?;
        put_optional(command.amount, out, |amount, out| amount.put(out))
    })
}

fn put_list<T>(
    items: impl ExactSizeIterator<Item = T>,
    out: &mut Vec<u8>,
    put: impl Fn(T, &mut Vec<u8>) -> Put,
) -> Put {
    put_u64(items.len() as u64, out);
    for item in items {
        put(item, out)?;
    }
    Ok(())
}

fn put_optional<T>(
    item: Option<T>,
    out: &mut Vec<u8>,
    put: impl Fn(T, &mut Vec<u8>) -> Put,
) -> Put {
    out.push(u8::from(item.is_some()));
    item.map_or(Ok(()), |item| put(item, out))
}

fn put_pending(pending: &Pending, out: &mut Vec<u8>) -> Put {
    pending.put(out)
}

fn put_trigger(trigger: Option<(Amount, ArmedBy)>, out: &mut Vec<u8>) -> Put {
    put_optional(trigger, out, |(trigger, by), out| {
        trigger.put(out)?;
        by.put(out)
    })
}

/// Reads an account.
///
/// # Errors
/// The bytes are none.
pub fn decode_account(reader: &mut Reader<'_>) -> Result<(UserName, Account), DecodeError> {
    let user = reader.user()?;
    let mut account = Account::default();
    account.open = flag(reader)?;
    account.cash = Field::take(reader)?;
    account.reserved = Field::take(reader)?;
    for (stock, holding) in list(reader, |reader| {
        let stock = Field::take(reader)?;
        Ok((stock, Holding { free: Field::take(reader)?, reserved: Field::take(reader)? }))
    })? {
        account.change_holding(stock, |_| Some(holding));
    }
    account.pending_buys = list(reader, Pending::take)?.into();
    account.pending_sells = list(reader, Pending::take)?.into();
    account.buy_orders = sorted(list(reader, |reader| {
        let stock = Field::take(reader)?;
        Ok((stock, BuyOrder { amount: Field::take(reader)?, trigger: trigger(reader)? }))
    })?);
    account.sell_orders = sorted(list(reader, |reader| {
        let stock = Field::take(reader)?;
        let (amount, trigger) = (Field::take(reader)?, trigger(reader)?);
        Ok((stock, SellOrder { amount, trigger, reserved: Field::take(reader)? }))
    })?);
    let recent = list(reader, |reader| {
        Ok(RecentCommand {
            transaction: Field::take(reader)?,
            name: Field::take(reader)?,
            accepted: flag(reader)?,
            stock: optional(reader, Stock::take)?,
            amount: optional(reader, Amount::take)?,
        })
    })?;
    recent.into_iter().rev().for_each(|command| account.recent.push(command));
    Ok((user, account))
}

fn sorted<T>(mut orders: Vec<(Stock, T)>) -> Vec<(Stock, T)> {
    orders.sort_by_key(|(stock, _)| *stock);
    orders
}

fn flag(reader: &mut Reader<'_>) -> Result<bool, DecodeError> {
    match reader.u8("yes or no")? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(reader.error("yes or no")),
    }
}

fn list<'a, T>(
    reader: &mut Reader<'a>,
    item: impl Fn(&mut Reader<'a>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let len = reader.u64("the length of a list")?;
    // The length is not believed before the items are there.
    let mut items = Vec::new();
    for _ in 0..len {
        items.push(item(reader)?);
    }
    Ok(items)
}

fn optional<'a, T>(
    reader: &mut Reader<'a>,
    item: impl Fn(&mut Reader<'a>) -> Result<T, DecodeError>,
) -> Result<Option<T>, DecodeError> {
    if flag(reader)? { item(reader).map(Some) } else { Ok(None) }
}

fn trigger(reader: &mut Reader<'_>) -> Result<Option<(Amount, ArmedBy)>, DecodeError> {
    optional(reader, |reader| Ok((Field::take(reader)?, Field::take(reader)?)))
}
