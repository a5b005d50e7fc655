import './styles/base.css'
import './styles/parts.css'
import { mount } from 'svelte'
import App from './App.svelte'
import { followLanguage } from './app/language.ts'
import { greet } from './app/server.ts'
import { followTheme } from './app/theme.ts'

followTheme()
followLanguage()
// Before anything is drawn: it takes the token out of the address, which then names a view.
const greeted = greet()
const page = document.getElementById('page')
if (page !== null) mount(App, { target: page })
await greeted
