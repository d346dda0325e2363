/** The page's area of that name, of the moment; none on a server or where it is switched off. Throws where it is blocked. */
export const webArea = (area: 'localStorage' | 'sessionStorage'): Storage | null | undefined =>
  globalThis.window?.[area]

const store = 'items'

const done = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error!)
  })

/**
 * What `work` asked of a database's one store, once it is written down; undefined where there is no IndexedDB.
 * The connection is closed again: an open one holds up whoever upgrades or deletes the database, most of all from a frozen page.
 */
export async function inDatabase<T>(
  name: string,
  mode: IDBTransactionMode,
  work: (items: IDBObjectStore) => IDBRequest<T>,
): Promise<T | undefined> {
  const opening = globalThis.indexedDB?.open(name)
  if (!opening) return
  opening.onupgradeneeded = () => opening.result.createObjectStore(store)
  const database = await done(opening)
  try {
    const transaction = database.transaction(store, mode)
    const request = work(transaction.objectStore(store))
    await new Promise((resolve, reject) => {
      transaction.oncomplete = resolve
      transaction.onabort = () => reject(transaction.error!)
    })
    return request.result
  } finally {
    database.close()
  }
}
