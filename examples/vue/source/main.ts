import { createApp } from 'vue'
import App from './App.vue'
import { look } from './account.js'
import './style.css'

await look()
const app = createApp(App)
// Each render shows up in the browser's performance panel.
app.config.performance = import.meta.env.DEV
app.mount('#app')
