// Words of the pages, by area. Labels of fields, states and actions come from the definitions.
import account from './zh/account.js'
import admin from './zh/admin.js'
import common from './zh/common.js'
import documents from './zh/documents.js'
import ekey from './zh/ekey.js'
import exchange from './zh/exchange.js'
import portal from './zh/portal.js'

export default { ...account, ...admin, ...common, ...documents, ...ekey, ...exchange, ...portal }
