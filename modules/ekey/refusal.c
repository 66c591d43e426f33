#include "refusal.h"

static const struct refusal_words table[REFUSALS] = {
    [DONE] = {"done", 200, "", ""},
    [NOT_PAIRED] = {"not_paired", 401, "本页面尚未与电子钥匙控件配对，请先配对。", "This page is not paired with the key control; pair it first."},
    [NO_KEY] = {"no_key", 409, "没有找到这把电子钥匙，请插入后重试。", "This key is not here; insert it and try again."},
    [KEY_REMOVED] = {"key_removed", 409, "电子钥匙已被拔出，请插入后重新操作。", "The key was pulled out; insert it and start again."},
    [WRONG_PIN] = {"wrong_pin", 422, "密码错误，请核对后重新输入。", "The PIN is wrong; check it and enter it again."},
    [LAST_TRY] = {"last_try", 409, "密码只剩最后一次机会，再错将被锁定。确定要继续，请再次确认。",
                  "One try is left before the key is blocked. Confirm that you want to use it."},
    [PIN_BLOCKED] = {"pin_blocked", 409, "电子钥匙已被锁定，请联系发放机构解锁。", "The key is blocked; ask its issuer to unblock it."},
    [DEFAULT_PIN] = {"default_pin", 422, "这是初始密码或过于简单的密码，请先修改电子钥匙的密码。",
                     "This is a default or too simple PIN; change the key's PIN first."},
    [PIN_FORMAT] = {"pin_format", 422, "密码应为6至8位数字。", "A PIN has 6 to 8 digits."},
    [REFUSED] = {"refused", 409, "您在电子钥匙控件的窗口中选择了拒绝，未做任何操作。", "You declined in the key control's window; nothing was done."},
    [TOO_MANY] = {"too_many", 429, "连续多次被拒绝，请一分钟后再试。", "Declined several times in a row; try again in a minute."},
    [BUSY] = {"busy", 409, "电子钥匙控件的另一个窗口正在等待您的回答，请先处理。", "Another window of the key control is waiting for you; answer it first."},
    [NO_PROMPT] = {"no_prompt", 409, "电子钥匙控件无法打开密码窗口，请检查其设置中的 prompt。",
                   "The key control cannot open its PIN window; check `prompt` in its settings."},
    [BATCH_OVER] = {"batch_over", 410, "本次签名确认已结束，请重新确认后再签。", "What you confirmed is over; confirm again to go on signing."},
    [NOT_IN_BATCH] = {"not_in_batch", 422, "该申请不在您确认的范围内，或已签过，未签名。",
                      "This application is not among those you confirmed, or was signed already; it was not signed."},
    [BAD_DOCUMENT] = {"bad_document", 422, "待签内容与申请数据不一致，未签名，请刷新页面后重试。",
                      "What was to be signed does not match the application; it was not signed. Reload the page and try again."},
    [BAD_CHALLENGE] = {"bad_challenge", 422, "登录校验内容不正确，请刷新页面后重试。", "The sign-in challenge is not right; reload the page and try again."},
    [NO_CERTIFICATE] = {"no_certificate", 409, "电子钥匙中没有所需的证书，请联系发放机构。", "The key has no certificate for this; ask its issuer."},
    [CARD_ERROR] = {"card_error", 502, "读写电子钥匙时出错，请拔出后重新插入再试。", "The key did not answer as it should; pull it out, insert it again and retry."},
    [TOO_LARGE] = {"too_large", 413, "请求内容太大。", "The request is too large."},
    [BAD_JSON] = {"bad_json", 400, "请求内容无法识别，请刷新页面后重试。", "The request cannot be read; reload the page and try again."},
    [NOT_FOUND] = {"not_found", 404, "没有这个功能，请更新电子钥匙控件。", "There is nothing here; update the key control."},
};

const struct refusal_words *refusal_words(enum refusal refusal)
{
    return &table[refusal < REFUSALS ? refusal : CARD_ERROR];
}
