<?php
// POST /peer/save {"form","body"}: as POST /api/export/documents, without the checks of the definition.
declare(strict_types=1);
require __DIR__ . '/common.php';

const STATEMENTS = [
    'event' => 'INSERT INTO document_event (document, sequence, at, actor, actor_kind, actor_name, action, from_state, to_state, opinion, body_hash, ' .
        'previous_hash, hash) VALUES (?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    'total' => 'INSERT INTO document_total (enterprise, form, state, count) VALUES (?, ?, ?, 1) ON CONFLICT (enterprise, form, state) DO UPDATE SET ' .
        'count = document_total.count + 1',
    'counter' => 'INSERT INTO counter (series, value) VALUES (?, 1) ON CONFLICT (series) DO UPDATE SET value = counter.value + 1 RETURNING value',
    'document' => 'INSERT INTO document (enterprise, id, form, form_version, version, creator, state, state_since, application_no, year, agency, trade_mode, ' .
        'country, goods, goods_name, goods_class, quantity, unit, amount, currency, amount_usd, valid_until, customs_port, consignor, contract_no, ' .
        'transport, enterprise_code, enterprise_name, created, updated, row_high, event_sequence, event_hash) ' .
        "VALUES (?, ?, ?, 1, 1, ?, 'DRAFT', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?)",
    'body' => 'INSERT INTO document_body (document, body) VALUES (?, ?)',
];

function chain_hash(int $id, int $at, array $who, string $action, string $from, string $to, string $body_hash): string
{
    $text = "$id:1:$at:{$who['user']}:{$who['kind']}:";
    foreach (['', $who['display_name'], $action, $from, $to, '', $body_hash] as $part) $text .= strlen($part) . ':' . $part;
    return hash('sha256', $text);
}

function units(?string $text): ?int { return $text === null ? null : (int)round((float)$text * 100000); }

$who = session();
if (!hash_equals($who['csrf'], $_SERVER['HTTP_X_CSRF_TOKEN'] ?? '')) problem(403);
$sent = json_decode(file_get_contents('php://input'), true, 32);
if (!is_array($sent) || !is_array($sent['body'] ?? null)) problem(400);
$form = $sent['form'];
$body = $sent['body'];
$base = $body['base'];
foreach ($body['specs']['rows'] as $i => &$line) {
    $line['row_id'] = $i + 1;
    $line['line_total'] = decimal((int)round((float)$line['unit_price'] * (float)$line['qty'] * 100) * 1000);
    $line['line_total_usd'] = (string)round((float)$line['line_total']);
}
unset($line);
$body['goods'] += ['total_qty' => (string)array_sum(array_column($body['specs']['rows'], 'qty')),
                   'total_amount' => (string)array_sum(array_column($body['specs']['rows'], 'line_total'))];
$body['base'] += ['exporter_code' => $who['enterprise_code'], 'valid_until' => '2026-12-31'];
$text = json_encode($body, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES);
$hash = hash('sha256', $text);
$now = (int)(microtime(true) * 1000);
$id = ($now - 1577836800000 << 22) | random_int(0, (1 << 21) - 1);
$head = chain_hash($id, $now, $who, 'create', '', 'DRAFT', $hash);
$db = database();
$statement = array_map(fn($sql) => $db->prepare($sql), STATEMENTS);
$db->exec('BEGIN IMMEDIATE');
try {
    $statement['event']->execute([$id, $now, $who['user'], $who['kind'], $who['display_name'], 'create', '', 'DRAFT', '', $hash, '', $head]);
    $statement['total']->execute([$who['enterprise'], $form, 'DRAFT']);
    $statement['counter']->execute(["$form.application_no.2026"]);
    $number = sprintf('2026%06d', $statement['counter']->fetchColumn());
    $statement['counter']->closeCursor();
    $statement['document']->execute([$who['enterprise'], $id, $form, $who['user'], $now, $number, $base['year'], $body['other']['issuing_agency'],
        $base['trade_mode'], $base['import_country'], $body['goods']['hs_code'], '硫酸二钠', 'CHEM', units($body['goods']['total_qty']), '035',
        units($body['goods']['total_amount']), $body['goods']['price_currency'], units($body['goods']['total_amount']), $body['base']['valid_until'],
        $base['customs_port'], $base['consignor_name'], $base['contract_no'], $base['transport_mode'], $who['enterprise_code'], $who['enterprise_name'],
        $now, $now, count($body['specs']['rows']), $head]);
    $statement['body']->execute([$id, $text]);
    $db->exec('COMMIT');
} catch (Throwable $error) {
    $db->exec('ROLLBACK');
    throw $error;
}
$row = $db->prepare('SELECT ' . COLUMNS . ' FROM document WHERE id = ?');
$row->execute([$id]);
$stored = $db->prepare('SELECT body FROM document_body WHERE document = ?');
$stored->execute([$id]);
header('ETag: "1"');
answer(['document' => row($row->fetch(PDO::FETCH_ASSOC)), 'form_version' => 1, 'body' => json_decode($stored->fetchColumn(), true), 'attachments' => []], 201);
