import { sql } from 'kysely'
import { openStorage } from 'unbusy'
import { connectorTo } from '../contract/matrix.ts'

const name = process.argv[2] as any
const storage = await openStorage<any>({
  connector: await connectorTo(name, ':memory:'),
  onWarning: () => {},
})
const { db } = storage
const q = async (t: string) => {
  try {
    return (await sql.raw(t).execute(db)).rows
  } catch (e) {
    return String((e as Error).message)
  }
}
const out: any = {}
out.version = await q('select sqlite_version() as v')
out.functions = [
  ...new Set(((await q('select distinct name from pragma_function_list')) as any[]).map((r) => r.name)),
].sort()
out.modules = ((await q('select name from pragma_module_list')) as any[]).map((r) => r.name).sort()
out.options = ((await q('select compile_options as name from pragma_compile_options')) as any[])
  .map((r) => r.name)
  .filter((n) => !/^COMPILER|^ATOMIC/.test(n))
  .sort()
for (const t of [
  "select 0.1 + 0.2 || '' as v",
  "select 1e300 || '' as v",
  'select cast(1e21 as text) as v',
  'select cast(123456789012345680.0 as text) as v',
  'select quote(0.1+0.2) as v',
  'select cast(5e-324 as text) as v',
  'select cast(1.7976931348623157e308 as text) as v',
  'select json_array(0.1+0.2) as v',
  "select printf('%.20g', 0.1) as v",
  'select round(2.675, 2) as v',
  "select cast('0x10' as integer) as v",
  "select 'a' like 'A' as v",
  "select -0.0 || '' as v",
  'select 1e999 as v',
  "select 9e999 || '' as v",
  'select -9223372036854775808 as v',
  'select sum(x) as v from (values (9223372036854775807),(1)) as t(x)',
  'select typeof(9223372036854775808) as v',
  'select 9223372036854775807 + 1 as v',
  'select typeof(9223372036854775807 + 1) as v',
  'select avg(x) as v from (select 0.1 as x union all select 0.2 union all select 0.3)',
  'select sum(x) as v from (select 0.1 as x union all select 0.2 union all select 0.3)',
  'select "nothing" as v',
  "select upper('ä') as v",
  "select unicode('😀') as v",
  "select length('😀') as v",
  "select instr(x'010203', x'02') as v",
  "select strftime('%Y', 0) as v",
  "select date('now') is not null as v",
  'select 1 is distinct from 2 as v',
  'delete from sqlite_master limit 1',
  "select jsonb('[1]') as v",
  "select 'a' ->> '$' as v",
  "select json_extract('[1.0]', '$[0]') as v, typeof(json_extract('[1.0]', '$[0]')) as t",
  'select 1_000 as v',
  "select like('a%', 'abc') as v",
  "select x'' is null as v",
  "select group_concat(x, ',' order by x desc) as v from (values (1),(2)) as t(x)",
  "select string_agg(x, ',') as v from (values (1),(2)) as t(x)",
  'select -5 % 3 as v, 5.5 % 2 as w, typeof(5.5 % 2) as t',
  'select 5 / 0 as v',
  'select 1 << 64 as v',
  'select cast(9.3e18 as integer) as v, cast(-9.3e18 as integer) as w',
  "select cast('9223372036854775808' as integer) as v",
  "select '9223372036854775808' + 0 as v",
  "select 1 where 'a' = x'61'",
  "select max('a', 1, x'00') as v",
  "select substr('héllo', -3, 2) as v, substr(x'0102030405', 2, 3) as w",
  'select hex(12.5) as v',
  'select char(0x1F600, 65) as v',
  'select zeroblob(3) as v',
  "select trim(' a ') as v",
  "select replace('aaa','a','bb') as v",
  'select abs(-9223372036854775808)',
  'select total(x) as v from (select null as x)',
  'select nullif(1, 1.0) as v',
  'select iif(1, 2) as v',
  'select coalesce(null, 5.0) as v',
  "select 'a' || null as v",
  'select typeof(1.0) as v, 1.0 as w',
  "select format('%d %s %q', 5, 'x', 'it''s') as v",
  'select likelihood(1, 0.5) as v',
  'select random() is not null as v',
  "select unhex('0102') as v",
  "select octet_length('ä') as v",
  "select concat('a', null, 1) as v",
  "select json_pretty('[1]') as v",
  "select datetime(1700000000.5, 'unixepoch', 'subsec') as v",
  'select sqrt(2) as v',
  'select pow(2, 0.5) as v',
  'select ceil(1.5) as v',
  'select sign(-2.5) as v',
  'select log(2) as v',
  'select trunc(2.5) as v',
])
  out[t] = await q(t)
console.log(
  JSON.stringify(out, (k, v) =>
    typeof v === 'bigint' ? `${v}n` : Object.is(v, -0) ? '-0' : v === Infinity ? 'inf' : v,
  ),
)
await storage.close()
