// Words of the pages, by area. Labels of fields, states and actions come from the definitions.
import account from './en/account.js'
import admin from './en/admin.js'
import common from './en/common.js'
import documents from './en/documents.js'
import ekey from './en/ekey.js'
import exchange from './en/exchange.js'
import portal from './en/portal.js'

export default { ...account, ...admin, ...common, ...documents, ...ekey, ...exchange, ...portal }
