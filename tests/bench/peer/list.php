<?php
// GET /peer/list?form=export_licence&size=20: as GET /api/export/documents.
declare(strict_types=1);
require __DIR__ . '/common.php';

$who = session();
$form = $_GET['form'] ?? '';
$size = max(1, min(100, (int)($_GET['size'] ?? 10)));
$page = max(1, (int)($_GET['page'] ?? 1));
$db = database();
$total = $db->prepare("SELECT coalesce(sum(count), 0) FROM document_total WHERE enterprise = ? AND form = ? AND state <> 'LOADED'");
$total->execute([$who['enterprise'], $form]);
$rows = $db->prepare('SELECT ' . LIST_COLUMNS . " FROM document WHERE enterprise = ? AND state <> 'LOADED' AND form = ? ORDER BY id DESC LIMIT ? OFFSET ?");
$rows->execute([$who['enterprise'], $form, $size, ($page - 1) * $size]);
answer(['total' => (string)$total->fetchColumn(), 'items' => array_map('row', $rows->fetchAll(PDO::FETCH_ASSOC))]);
