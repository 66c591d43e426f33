// What a page inside the shell knows of its tab.
import { inject, provide } from 'vue'

const TAB = Symbol('tab')
export const provideTab = tab => provide(TAB, tab)

const alone = { setTitle() {}, setDirty() {}, setPath() {}, open: path => { location.hash = path }, close() {}, active: () => true, onShow() {} }
/** setTitle(text), setDirty(bool), setPath(path), open(path), close(), onShow(call). */
export const useTab = () => inject(TAB, alone)
