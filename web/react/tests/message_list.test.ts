import { describe, expect, it } from 'vitest';
import type { Message } from '@carillon/client';
import { MessageList } from '../src/message_list.js';

const message = (id: string, more: Partial<Message> = {}): Message => ({ messageId: id, publishTimestamp: 0, ...more }) as Message;
const ids = (list: MessageList): string[] => list.all().map(({ messageId }) => messageId);

describe('MessageList', () => {
  it('takes each message once, as they come', () => {
    const list = new MessageList();
    expect([list.add(message('a'), false), list.add(message('b'), false), list.add(message('a'), false)]).toEqual([true, true, false]);
    expect(ids(list)).toEqual(['a', 'b']);
  });

  it('puts late ones in their place: by number, else by time', () => {
    const list = new MessageList();
    for (const number of [1, 3, 4]) list.add(message(`n${number}`, { sequenceNumber: number, publishTimestamp: number }), false);
    list.add(message('n2', { sequenceNumber: 2, publishTimestamp: 9 }), true);
    expect(ids(list)).toEqual(['n1', 'n2', 'n3', 'n4']);
    list.add(message('own', { sequenceNumber: 1, sequenceSource: 'client', publishTimestamp: 3.5 }), true);
    expect(ids(list), 'a number of the sender says nothing').toEqual(['n1', 'n2', 'n3', 'own', 'n4']);
    list.add(message('first', { publishTimestamp: -1 }), true);
    expect(ids(list)[0]).toBe('first');
  });

  it('puts a page of older ones before all others', () => {
    const list = new MessageList();
    list.add(message('c'), false);
    expect(list.addOlder([message('c'), message('b'), message('a')])).toBe(true);
    expect(list.addOlder([message('b')])).toBe(false);
    expect(ids(list)).toEqual(['a', 'b', 'c']);
  });

  it('puts older ones around late ones, which do not count as the oldest', () => {
    const list = new MessageList();
    const at = (time: number): Message => message(`t${time}`, { publishTimestamp: time });
    list.add(at(8), false);
    for (const time of [3, 5, 9]) list.add(at(time), true);
    expect(list.oldest?.messageId).toBe('t8');
    list.addOlder([at(8), at(7), at(6), at(5), at(4)]);
    expect(ids(list)).toEqual(['t3', 't4', 't5', 't6', 't7', 't8', 't9']);
    expect(list.oldest?.messageId).toBe('t4');
    list.addOlder([at(2), at(1)]);
    expect(ids(list).slice(0, 4)).toEqual(['t1', 't2', 't3', 't4']);
  });

  it('is the same array until something changes', () => {
    const list = new MessageList();
    list.add(message('a'), false);
    const before = list.all();
    expect(list.all()).toBe(before);
    list.add(message('b'), false);
    expect(list.all()).not.toBe(before);
    expect(before).toHaveLength(1);
  });
});
