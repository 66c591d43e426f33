<?php
// What both peers share: the session from Redis and a connection to the same SQLite file, kept between requests.
declare(strict_types=1);

function problem(int $status): never
{
    http_response_code($status);
    header('Content-Type: application/problem+json');
    echo '{"status":' . $status . '}';
    exit;
}

function session(): array
{
    $redis = new Redis();
    $redis->pconnect($_SERVER['BENCH_REDIS']);
    $token = $_COOKIE['sw_session'] ?? '';
    $value = preg_match('/^[0-9a-f]{64}$/', $token)
        ? $redis->rawCommand('GETEX', 'session:' . hash('sha256', $token), 'EX', '1800') : false;
    if (!is_string($value)) problem(401);
    $part = explode("\x1F", $value);
    if ($part[0] !== '1' || (int)$part[7] === 0) problem(401);
    return ['csrf' => $part[1], 'kind' => (int)$part[3], 'user' => (int)$part[5], 'enterprise' => (int)$part[7], 'display_name' => $part[9],
            'enterprise_code' => $part[10], 'enterprise_name' => $part[13]];
}

function database(): PDO
{
    $db = new PDO('sqlite:' . $_SERVER['BENCH_DATABASE'], null, null,
                  [PDO::ATTR_PERSISTENT => true, PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_TIMEOUT => 5]);
    // per connection; a persistent one has been told before
    if ((int)$db->query('PRAGMA cache_size')->fetchColumn() !== -(int)$_SERVER['BENCH_CACHE_KIB'])
        $db->exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA cache_size=-' . (int)$_SERVER['BENCH_CACHE_KIB'] .
                  '; PRAGMA wal_autocheckpoint=4000; PRAGMA journal_size_limit=67108864; PRAGMA temp_store=MEMORY');
    return $db;
}

// what the list of export applications shows
const LIST_COLUMNS = 'id, version, form, state, state_withdraw, state_customs, state_print, application_no, licence_no, source, form_no, ' .
    'goods_name, quantity, unit, amount_usd, applied';
const COLUMNS = 'id, version, form, state, state_withdraw, state_customs, state_print, application_no, form_no, licence_no, year, goods, ' .
    'goods_name, quantity, unit, amount, currency, amount_usd, country, trade_mode, agency, enterprise_code, enterprise_name, ' .
    'consignor, contract_no, customs_port, applied, issued, valid_until, created, updated, source';

function decimal(int $value): string
{
    return rtrim(rtrim(sprintf('%d.%05d', intdiv($value, 100000), abs($value) % 100000), '0'), '.');
}

function row(array $row): array
{
    $row['id'] = (string)$row['id'];
    foreach (['quantity', 'amount', 'amount_usd'] as $name)
        if (isset($row[$name])) $row[$name] = decimal((int)$row[$name]);
    foreach ($row as $name => $value)
        if ($value === '' || $value === null) unset($row[$name]);
    return $row;
}

function answer(array $data, int $status = 200): void
{
    $json = json_encode($data, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES);
    http_response_code($status);
    header('Content-Type: application/json');
    header('Cache-Control: no-store');
    header('Content-Length: ' . strlen($json));
    echo $json;
}
