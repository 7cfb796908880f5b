//! Accounts to bytes and back, for snapshots.

use super::decode::{DecodeError, Reader};
use super::encode::{Put, put_money, put_stock, put_text, put_u64};
use crate::trading::account::{
    Account, ArmedBy, BuyOrder, Holding, Pending, RecentCommand, SellOrder,
};
use crate::trading::{Amount, Stock, UserName};

/// Appends an account.
///
/// # Errors
/// It holds what no account can, and says what; part of it may have been appended.
pub fn encode_account(user: &UserName, account: &Account, out: &mut Vec<u8>) -> Put {
    put_text(user.as_str(), out);
    out.push(u8::from(account.open));
    put_money(account.cash, out)?;
    put_money(account.reserved, out)?;
    put_list(account.holdings().iter(), out, |(stock, holding), out| {
        put_stock(*stock, out);
        put_u64(holding.free.count(), out);
        put_u64(holding.reserved.count(), out);
        Ok(())
    })?;
    put_list(account.pending_buys.iter(), out, put_pending)?;
    put_list(account.pending_sells.iter(), out, put_pending)?;
    put_list(account.buy_orders.iter(), out, |(stock, order), out| {
        put_stock(*stock, out);
        put_money(order.amount.money(), out)?;
        put_trigger(order.trigger, out)
    })?;
    put_list(account.sell_orders.iter(), out, |(stock, order), out| {
        put_stock(*stock, out);
        put_money(order.amount.money(), out)?;
        put_trigger(order.trigger, out)?;
        put_u64(order.reserved.count(), out);
        Ok(())
    })?;
    let recent: Vec<&RecentCommand> = account.recent.newest_first().collect();
    put_list(recent.into_iter(), out, |command, out| {
        put_u64(command.transaction.0, out);
        out.push(command.name as u8);
        out.push(u8::from(command.accepted));
        put_optional(command.stock, out, |stock, out| {
            put_stock(stock, out);
            Ok(())
        })?;
        put_optional(command.amount, out, |amount, out| put_money(amount.money(), out))
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
    put_u64(pending.opened_by.0, out);
    put_stock(pending.stock, out);
    put_u64(pending.shares.count(), out);
    put_money(pending.cash, out)?;
    put_u64(pending.accepted_ms, out);
    Ok(())
}

fn put_trigger(trigger: Option<(Amount, ArmedBy)>, out: &mut Vec<u8>) -> Put {
    put_optional(trigger, out, |(trigger, by), out| {
        put_money(trigger.money(), out)?;
        put_u64(by.transaction.0, out);
        out.push(by.name as u8);
        Ok(())
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
    account.cash = reader.money()?;
    account.reserved = reader.money()?;
    for (stock, holding) in list(reader, |reader| {
        let stock = reader.stock()?;
        Ok((stock, Holding { free: reader.shares()?, reserved: reader.shares()? }))
    })? {
        account.change_holding(stock, |_| Some(holding));
    }
    account.pending_buys = list(reader, pending)?.into();
    account.pending_sells = list(reader, pending)?.into();
    account.buy_orders = sorted(list(reader, |reader| {
        let stock = reader.stock()?;
        Ok((stock, BuyOrder { amount: reader.amount()?, trigger: trigger(reader)? }))
    })?);
    account.sell_orders = sorted(list(reader, |reader| {
        let stock = reader.stock()?;
        let (amount, trigger) = (reader.amount()?, trigger(reader)?);
        Ok((stock, SellOrder { amount, trigger, reserved: reader.shares()? }))
    })?);
    let recent = list(reader, |reader| {
        Ok(RecentCommand {
            transaction: reader.transaction()?,
            name: reader.name()?,
            accepted: flag(reader)?,
            stock: optional(reader, Reader::stock)?,
            amount: optional(reader, Reader::amount)?,
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

fn pending(reader: &mut Reader<'_>) -> Result<Pending, DecodeError> {
    Ok(Pending {
        opened_by: reader.transaction()?,
        stock: reader.stock()?,
        shares: reader.shares()?,
        cash: reader.money()?,
        accepted_ms: reader.u64("a time")?,
    })
}

fn trigger(reader: &mut Reader<'_>) -> Result<Option<(Amount, ArmedBy)>, DecodeError> {
    optional(reader, |reader| {
        let trigger = reader.amount()?;
        Ok((trigger, ArmedBy { transaction: reader.transaction()?, name: reader.name()? }))
    })
}
